"""Finding what this tool made and nobody uses any more, each thing with what removes it."""
