"""The services as processes of this machine, by Python packages alone: where no Docker engine answers."""
