"""`python -m services.intake`: see `shared.kit.runtime.command_line`."""

from __future__ import annotations

import gc
import sys

if __name__ == "__main__":  # who only imports this keeps the search for cycles
    gc.disable()  # until all is loaded (`tune_gc`, `run_command`): a tenth of the time until a killed service is back

from services.intake.admin_commands import COMMANDS
from services.intake.main import build
from services.intake.settings import IntakeSettings
from shared.kit.runtime.command_line import command_line


def main(arguments: list[str]) -> int:
    """Do what the command line asks for; the exit code."""
    return command_line(arguments, IntakeSettings, build, COMMANDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
