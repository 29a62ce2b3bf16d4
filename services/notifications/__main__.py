"""`python -m services.notifications`: see `shared.kit.runtime.command_line`."""

from __future__ import annotations

import gc
import sys

if __name__ == "__main__":  # who only imports this keeps the search for cycles
    gc.disable()  # until all is loaded (`tune_gc`, `run_command`): a tenth of the time until a killed service is back

from services.notifications.admin_commands import COMMANDS
from services.notifications.main import build
from services.notifications.settings import NotificationsSettings
from shared.kit.runtime.command_line import command_line


def main(arguments: list[str]) -> int:
    """Do what the command line asks for; the exit code."""
    return command_line(arguments, NotificationsSettings, build, COMMANDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
