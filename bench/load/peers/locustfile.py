"""A task that reads chat answers event by event, on Locust's FastHttpUser. BENCH_LOAD says what to send and when; every
request leaves a line in requests.jsonl, with times in seconds of the monotonic clock."""

import json
import os
from time import perf_counter

import gevent
from gevent.event import Event
from locust import FastHttpUser, constant, events, task
from locust.exception import StopUser

LOAD = json.loads(os.environ["BENCH_LOAD"])
BODY = json.dumps(LOAD["body"]).encode()
STREAMED = LOAD["body"]["stream"]

start = None
started = Event()
taken = 0
lines = []


@events.spawning_complete.add_listener
def begin(**_):
    global start
    start = perf_counter() + 0.1
    started.set()


@events.quitting.add_listener
def write(**_):
    with open("requests.jsonl", "w") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


class Reader(FastHttpUser):
    wait_time = constant(0)

    @task
    def ask(self):
        global taken
        started.wait()
        index = taken
        if index >= LOAD["requests"]:
            raise StopUser()
        taken += 1
        planned = start + index / LOAD["rate"]
        early = planned - perf_counter()
        if early > 0:
            gevent.sleep(early)
        line = {"id": f"locust-{index}", "planned": planned, "sent": perf_counter(), "ok": False}
        line |= {"first": None, "last": None, "count": 0, "events": None}
        headers = {"content-type": "application/json", "x-request-id": line["id"]}
        try:
            with self.client.post(
                "/v1/chat/completions", data=BODY, headers=headers, stream=STREAMED, catch_response=True
            ) as response:
                line["ok"] = read_stream(response, line) if STREAMED else response.status_code == 200
        finally:
            line["end"] = perf_counter()
            lines.append(line)
            if len(lines) == LOAD["requests"]:
                gevent.spawn_later(0.1, self.environment.runner.quit)


def read_stream(response, line):
    """True = the answer is whole. iter_lines() would wait for full blocks of 1 KB; this returns with each event."""
    if response.status_code != 200:
        return False
    source = response._response
    times = []
    whole = False
    while event := source.readline(b"\n\n"):
        at = perf_counter()
        data = event[6:].strip()
        if data == b"[DONE]":
            whole = True
            continue
        choices = json.loads(data)["choices"]
        if choices and choices[0]["delta"].get("content"):
            times.append(at)
    if times:
        line |= {"first": times[0], "last": times[-1], "count": len(times)}
    if LOAD["stamps"]:
        line["events"] = times
    return whole
