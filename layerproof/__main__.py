"""`python -m layerproof`: the console command, with a Python of your choice."""

from layerproof.cli import program

if __name__ == "__main__":
    program.run()
