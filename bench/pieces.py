"""What the benches that can be stopped and repeated share: what a command of the program prints, kept in a file."""

import json
import os
import subprocess


def kept(path):
    """The JSON object in a file; None where there is no file."""
    if not os.path.exists(path):
        return None
    with open(path) as file:
        return json.load(file)


def make(program, command, threads, path):
    """The JSON object that a command prints last, kept; subprocess.CalledProcessError, with what it said, where it fails."""
    done = subprocess.run([program, *command, "--threads", str(threads), "--json"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=True)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".part", "w") as file:
        file.write(done.stdout.strip().splitlines()[-1] + "\n")
    os.replace(path + ".part", path)
    return kept(path)
