"""One piece of work in a pytest session of its own: so that it has the project's own fixtures, with no test written."""
