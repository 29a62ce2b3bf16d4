"""A broker and a database from Python packages alone, on the loopback of one machine.

`stack.LocalStack` starts and stops both, `doctor` says what is missing before anything starts. This module imports
nothing: the doctor has to run on a bare Python, before any package is installed.
"""
