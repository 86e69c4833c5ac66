"""Formatters of programming languages, run on whole blocks where they are installed: these commands and no others."""

import asyncio
import json
import os
import shutil
import signal
from contextlib import suppress

TIMEOUT = 10.0
MAX_CODE = 1_000_000
MAX_PROCESSES = 4
"""Formatters that run at the same time; further blocks wait."""
PRETTIER = ("prettier", "--no-config", "--no-editorconfig", "--stdin-filepath")

COMMANDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "python": (("ruff", "format", "--isolated", "-"), ("black", "--quiet", "-")),
    "go": (("gofmt",),),
    "rust": (("rustfmt", "--emit", "stdout"),),
    "javascript": ((*PRETTIER, "a.js"),),
    "typescript": ((*PRETTIER, "a.ts"),),
    "css": ((*PRETTIER, "a.css"),),
    "html": ((*PRETTIER, "a.html"),),
    "yaml": ((*PRETTIER, "a.yaml"),),
    "c": (("clang-format", "--assume-filename=a.c"),),
    "cpp": (("clang-format", "--assume-filename=a.cpp"),),
    "java": (("google-java-format", "-"),),
    "sh": (("shfmt",),),
}
"""Language -> the commands that format it from standard input, best first."""
NAMES = {"py": "python", "python3": "python", "js": "javascript", "ts": "typescript", "golang": "go", "rs": "rust",
         "c++": "cpp", "yml": "yaml", "bash": "sh", "shell": "sh"}  # fmt: skip


class Formatters:
    """Runs them, a few at a time."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(MAX_PROCESSES)

    async def formatted(self, language: str | None, code: str) -> str | None:
        """Return *code* as its language's formatter has it; ``None`` where there is none, or it does not take it."""
        name = NAMES.get(language or "", language or "")
        if len(code) > MAX_CODE:
            return None
        if name == "json":
            with suppress(ValueError):
                return json.dumps(json.loads(code), indent=2, ensure_ascii=False) + "\n"
            return None
        for command in COMMANDS.get(name, ()):
            program = shutil.which(command[0])
            if program is not None:
                async with self._room:
                    return await _run((program, *command[1:]), code)
        return None


async def _run(command: tuple[str, ...], code: str) -> str | None:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(TIMEOUT):
            out, _ = await process.communicate(code.encode("utf-8", "replace"))
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with its children, who would keep its output open
            await process.wait()
    return out.decode("utf-8", "replace") if process.returncode == 0 and out else None
