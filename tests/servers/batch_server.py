"""A fake of OpenAI's Files and Batch APIs beside the chat endpoint of `chat_server`, with settable faults.

    with BatchServer(reply=play_role, trouble=Trouble(lost_creates=1)) as server:
        ...  # upload, create, poll and download at server.url
    assert set(server.run_times.values()) == {1}

A batch moves on when it is looked at: validating, in_progress (half of its requests, then the other half), finalizing,
completed; so tests wait for nothing. Its output comes in another order than its input. Which request meets which fault
is decided by its key, and it meets it in its first batch alone, unless the trouble is to last.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from aiohttp import web
from servers.batch_parts import FakeBatch, Trouble, error_line, fault, no_such, page, result_line
from servers.chat_server import ChatServer, answer_with, cut, error_answer, reset

_ENDED = ("completed", "failed", "expired", "cancelled")


class BatchServer(ChatServer):
    """The server, as a context manager; what `ChatServer` takes, and beside it:

    Args:
        trouble: what goes wrong with files and batches.
        on_call: told the name of every call (`upload`, `create`, `retrieve`, `download`, `delete`, `cancel`, `list`)
            when it comes in, and again with `done` before it when it was carried out and is not answered yet.
    """

    def __init__(
        self,
        *args: Any,
        trouble: Trouble | None = None,
        on_call: Callable[[str], None] = lambda name: None,
        **more: Any,
    ) -> None:
        super().__init__(*args, **more)
        self.trouble = trouble or Trouble()
        self.on_call = on_call
        self.calls: Counter[str] = Counter()
        """How often each call came."""
        self.run_times: Counter[str] = Counter()
        """How often each request was answered in a batch, by its `custom_id`: what is paid."""
        self.batches: dict[str, FakeBatch] = {}
        self.files: dict[str, tuple[dict[str, Any], bytes]] = {}
        self._met: set[str] = set()
        self._numbers = iter(range(1, 10**9))

    def add_routes(self, router: web.UrlDispatcher) -> None:
        super().add_routes(router)
        router.add_post("/v1/files", self._called("upload", self._upload))
        router.add_get("/v1/files", self._called("list", self._list_files))
        router.add_get("/v1/files/{id}", self._called("file", self._show_file))
        router.add_get("/v1/files/{id}/content", self._called("download", self._download))
        router.add_delete("/v1/files/{id}", self._called("delete", self._delete))
        router.add_post("/v1/batches", self._called("create", self._create))
        router.add_get("/v1/batches", self._called("list", self._list_batches))
        router.add_get("/v1/batches/{id}", self._called("retrieve", self._retrieve))
        router.add_post("/v1/batches/{id}/cancel", self._called("cancel", self._cancel))

    def _called(self, name: str, handle: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def call(request: web.Request) -> web.StreamResponse:
            self.calls[name] += 1
            if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
                return error_answer(401, "Incorrect API key provided", "invalid_api_key")
            await asyncio.to_thread(self.on_call, name)
            answer: web.StreamResponse = await handle(request)
            await asyncio.to_thread(self.on_call, f"done {name}")
            return answer

        return call

    def _spend(self, name: str) -> bool:
        """Whether this call meets one of the first troubles of a kind."""
        left = int(getattr(self.trouble, name))
        setattr(self.trouble, name, max(0, left - 1))
        return left > 0

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        if self._spend("refused_uploads"):
            return error_answer(429, "Too many uploads", "rate_limit_exceeded", headers={"Retry-After": "0"})
        form = await request.post()
        sent = form["file"]
        assert isinstance(sent, web.FileField) and form["purpose"] == "batch"
        with sent.file as content:
            shown = self._keep(sent.filename, content.read(), "batch")
        return reset(request) if self._spend("lost_uploads") else web.json_response(shown)

    def _keep(self, name: str, data: bytes, purpose: str) -> dict[str, Any]:
        number = f"file-{next(self._numbers)}"
        size = 0 if self.trouble.no_sizes else len(data)
        shown = {"id": number, "object": "file", "bytes": size, "created_at": int(time.time()), "filename": name}
        self.files[number] = ({**shown, "purpose": purpose, "status": "processed"}, data)
        return self.files[number][0]

    async def _list_files(self, request: web.Request) -> web.StreamResponse:
        return page([shown for shown, _ in self.files.values()], request)

    async def _show_file(self, request: web.Request) -> web.StreamResponse:
        found = self.files.get(request.match_info["id"])
        return no_such("file") if found is None else web.json_response(found[0])

    async def _download(self, request: web.Request) -> web.StreamResponse:
        found = self.files.get(request.match_info["id"])
        if found is None:
            return no_such("file")
        if self._spend("cut_downloads"):
            return await cut(request, found[1])
        data = found[1][: len(found[1]) // 2] if self._spend("short_downloads") else found[1]
        if self._spend("short_by_lines"):
            data = b"".join(data.splitlines(keepends=True)[:-1])
        return web.Response(body=data, content_type="application/octet-stream")

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        number = request.match_info["id"]
        if self.files.pop(number, None) is None:
            return no_such("file")
        return web.json_response({"id": number, "object": "file", "deleted": True})

    async def _create(self, request: web.Request) -> web.StreamResponse:
        if self._spend("refused_creates"):
            return error_answer(429, "Too many batches", "rate_limit_exceeded", headers={"Retry-After": "0"})
        asked = await request.json()
        found = self.files.get(asked["input_file_id"])
        if found is None or self._spend("unknown_files"):
            return error_answer(400, f"Cannot find file {asked['input_file_id']}", "invalid_request_error", "file_id")
        number = f"batch_{next(self._numbers)}"
        lines = [json.loads(line) for line in found[1].splitlines()]
        about = {
            "id": number,
            "object": "batch",
            "endpoint": asked["endpoint"],
            "completion_window": asked["completion_window"],
            "input_file_id": asked["input_file_id"],
            "metadata": asked.get("metadata"),
            "created_at": int(time.time()),
            "status": "validating",
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
        }
        self.batches[number] = FakeBatch(about, lines)
        return reset(request) if self._spend("lost_creates") else web.json_response(about)

    async def _list_batches(self, request: web.Request) -> web.StreamResponse:
        return page([batch.about for batch in reversed(self.batches.values())], request)

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return no_such("batch")
        self._move_on(batch)
        return web.json_response(batch.about)

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return no_such("batch")
        if batch.about["status"] in _ENDED:
            return error_answer(409, "Cannot cancel a batch that has ended", "conflict")
        batch.about["status"] = "cancelling"
        return web.json_response(batch.about)

    def _move_on(self, batch: FakeBatch) -> None:
        """One state further."""
        about = batch.about
        match about["status"]:
            case "validating":
                about["status"] = "failed" if (faults := self._faults_of(batch)) else "in_progress"
                about["request_counts"]["total"] = len(batch.lines)
                if faults:
                    about["errors"] = {"object": "list", "data": faults}
            case "in_progress" if batch.run < len(batch.lines):
                self._execute(batch, max(1, len(batch.lines) // 2))
            case "in_progress":
                about["status"] = "finalizing"
            case "finalizing":
                expired = any((line["error"] or {}).get("code") == "batch_expired" for line in batch.errors)
                self._close(batch, "expired" if expired else "completed")
            case "cancelling":
                for line in batch.lines[batch.run :]:
                    batch.errors.append(error_line(line, "batch_cancelled", "This batch was cancelled."))
                self._close(batch, "cancelled")

    def _faults_of(self, batch: FakeBatch) -> list[dict[str, Any]]:
        """What is wrong with an input file."""
        bodies = [line["body"] for line in batch.lines]
        _, data = self.files[batch.about["input_file_id"]]
        if len({line["custom_id"] for line in batch.lines}) < len(batch.lines):
            return [fault("duplicate_custom_id", "The custom_id is there twice")]
        if len({body["model"] for body in bodies}) > 1:
            return [fault("mismatched_model", "All requests of a file must be for one model")]
        if len(batch.lines) > self.trouble.requests or len(data) > self.trouble.bytes:
            return [fault("request_limit_exceeded", "The file is larger than a batch may be")]
        if bodies[0]["model"] not in self.models:
            return [fault("model_not_found", f"The model {bodies[0]['model']} does not exist for batches", 1)]
        others = sum(one.tokens for one in self.batches.values() if one.about["status"] not in (*_ENDED, "validating"))
        if self.trouble.enqueued_tokens is not None and others + batch.tokens > self.trouble.enqueued_tokens:
            said = f"Enqueued token limit reached for {bodies[0]['model']}. Limit: {self.trouble.enqueued_tokens}"
            return [fault("token_limit_exceeded", said)]
        bad = [number for number, body in enumerate(bodies, start=1) if self.trouble.bad_line(body)]
        return [fault("invalid_request", "This line is none that can be run", number) for number in bad]

    def _execute(self, batch: FakeBatch, number: int) -> None:
        for line in batch.lines[batch.run : batch.run + number]:
            self._execute_one(batch, line)
        batch.run += number
        counts = batch.about["request_counts"]
        counts["completed"], counts["failed"] = len(batch.results), len(batch.errors)

    def _execute_one(self, batch: FakeBatch, line: dict[str, Any]) -> None:
        match self._pick(line["custom_id"]):
            case "expire":
                batch.errors.append(error_line(line, "batch_expired", "The window closed before this one was run."))
                return
            case "fail":
                error = {"error": {"message": "The server had an error", "code": "server_error"}}
                batch.errors.append(result_line(line, 500, error))
                return
            case "miss":
                return
        for name in sorted(self.faults.unsupported & line["body"].keys()):
            said = f"Unsupported parameter: '{name}' is not supported with this model."
            error = {"error": {"message": said, "code": "unsupported_parameter", "param": name}}
            batch.errors.append(result_line(line, 400, error))
            return
        if self.raw is not None and (raw := self.raw(line["body"])) is not None:
            batch.errors.append(result_line(line, raw.status, raw.body))
            return
        self.run_times[line["custom_id"]] += 1
        batch.results.append(result_line(line, 200, answer_with(self.reply(line["body"]))))

    def _pick(self, key: str) -> str | None:
        if key in self._met and not self.trouble.lasts:
            return None
        self._met.add(key)
        at = random.Random(f"{self.seed}:{key}").random()
        for name in ("expire", "fail", "miss"):
            at -= getattr(self.trouble, name)
            if at < 0:
                return name
        return None

    def _close(self, batch: FakeBatch, status: str) -> None:
        shuffled = random.Random(self.seed)
        for name, lines in (("output_file_id", batch.results), ("error_file_id", batch.errors)):
            if lines:
                shuffled.shuffle(lines)
                data = "".join(json.dumps(line) + "\n" for line in lines).encode()
                batch.about[name] = self._keep(f"{batch.about['id']}_{name}.jsonl", data, "batch_output")["id"]
        batch.about["status"] = status
