"""`llama-server` by llama.cpp's own server library, which xllamacpp carries ready built: installing takes seconds,
where building the engine's command line from source takes ten minutes.

It takes the flags of the real command that the engine example uses, refuses any other, and serves until it is ended.
"""

import argparse
import signal
import sys

import xllamacpp

parser = argparse.ArgumentParser(prog="llama-server", allow_abbrev=False)
parser.add_argument("--version", action="version", version=f"llama.cpp of xllamacpp {xllamacpp.__version__}")
parser.add_argument("--model", required=True)
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=8080)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--threads-batch", type=int)
parser.add_argument("--parallel", type=int, default=1)
parser.add_argument("--ctx-size", type=int, default=4096)
parser.add_argument("--metrics", action="store_true")
parser.add_argument("--no-webui", action="store_true")
options = parser.parse_args()

params = xllamacpp.CommonParams()
params.model.path = options.model
params.hostnames = [options.host]
params.port = options.port
params.cpuparams.n_threads = options.threads
params.cpuparams_batch.n_threads = options.threads_batch or options.threads
params.n_parallel = options.parallel
params.n_ctx = options.ctx_size
params.endpoint_metrics = options.metrics
params.ui = not options.no_webui

for ending in (signal.SIGTERM, signal.SIGINT):
    signal.signal(ending, lambda *_: sys.exit(0))
server = xllamacpp.Server(params)
print(f"listens on {server.listening_address}", flush=True)
while True:
    signal.pause()
