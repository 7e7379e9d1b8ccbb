def drop_empty(rows):
    return [row for row in rows if all(value is not None for value in row.values())]
