"""A plain FastAPI proxy, run in its own environment: validate with pydantic, pass on with httpx2, answer."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    model_config = ConfigDict(extra="allow")
    role: str
    content: str


class Chat(BaseModel):
    model_config = ConfigDict(extra="allow")
    model: str
    messages: list[Message]
    stream: bool = False


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    limits = httpx2.Limits(max_connections=1000, max_keepalive_connections=1000)
    async with httpx2.AsyncClient(base_url=os.environ["UPSTREAM"], limits=limits, timeout=60) as client:
        yield {"client": client}


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/v1/chat/completions", response_model=None)
async def chat(body: Chat, request: Request, authorization: str = Header()) -> JSONResponse | StreamingResponse:
    client: httpx2.AsyncClient = request.state.client
    content = body.model_dump(mode="json")
    headers = {"authorization": authorization}
    if not body.stream:
        answer = await client.post("/v1/chat/completions", json=content, headers=headers)
        return JSONResponse(answer.json(), answer.status_code)
    call = client.build_request("POST", "/v1/chat/completions", json=content, headers=headers)
    upstream = await client.send(call, stream=True)

    async def relay() -> AsyncIterator[bytes]:
        async for chunk in upstream.aiter_raw():
            yield chunk
        await upstream.aclose()

    return StreamingResponse(relay(), upstream.status_code, media_type="text/event-stream")
