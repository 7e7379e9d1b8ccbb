"""What a test session tells: gathered once as plain data (model.py), from which every form of it is rendered."""
