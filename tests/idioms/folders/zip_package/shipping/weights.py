def weigh(boxes):
    return sum(boxes)
