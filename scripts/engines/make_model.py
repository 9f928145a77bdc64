"""Writes a tiny llama-architecture model with random weights as GGUF: real compute, real KV cache, no meaning.

Usage: make_model.py OUT.gguf [--embd 192] [--layers 4] [--heads 6] [--seed 1]
The tokenizer is byte-level SentencePiece style: three specials, 256 byte tokens and the letters' pieces, so that
any text tokenizes. Deterministic for a seed.
"""

import argparse

import gguf
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("out")
parser.add_argument("--embd", type=int, default=192)
parser.add_argument("--layers", type=int, default=4)
parser.add_argument("--heads", type=int, default=6)
parser.add_argument("--context", type=int, default=4096)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()

rng = np.random.default_rng(options.seed)
embd, ffn = options.embd, options.embd * 3
tokens = [b"<unk>", b"<s>", b"</s>"] + [f"<0x{byte:02X}>".encode() for byte in range(256)]
kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL] + [gguf.TokenType.BYTE] * 256
scores = [0.0] * len(tokens)
# Word pieces, so that prompt lengths are near the number of words and not of bytes.
letters = "etaoinshrdlucmfwypvbgkjqxz"
pieces = ["\u2581"] + list(letters) + [a + b for a in letters for b in letters] + ["\u2581" + a for a in letters]
for rank, piece in enumerate(pieces):
    tokens.append(piece.encode())
    kinds.append(gguf.TokenType.NORMAL)
    scores.append(-float(rank + 1))

writer = gguf.GGUFWriter(options.out, "llama")
writer.add_name("plimsoll-tiny")
writer.add_context_length(options.context)
writer.add_embedding_length(embd)
writer.add_block_count(options.layers)
writer.add_feed_forward_length(ffn)
writer.add_head_count(options.heads)
writer.add_head_count_kv(options.heads)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_dimension_count(embd // options.heads)
writer.add_vocab_size(len(tokens))
writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
writer.add_tokenizer_model("llama")
writer.add_token_list(tokens)
writer.add_token_scores(scores)
writer.add_token_types(kinds)
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
writer.add_unk_token_id(0)
writer.add_chat_template("{% for message in messages %}{{ message['content'] }}\n{% endfor %}")


def matrix(name: str, rows: int, columns: int) -> None:
    writer.add_tensor(name, (rng.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float16))


def ones(name: str) -> None:
    writer.add_tensor(name, np.ones(embd, dtype=np.float32))


matrix("token_embd.weight", len(tokens), embd)
ones("output_norm.weight")
matrix("output.weight", len(tokens), embd)
for layer in range(options.layers):
    prefix = f"blk.{layer}."
    ones(prefix + "attn_norm.weight")
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        matrix(f"{prefix}{name}.weight", embd, embd)
    ones(prefix + "ffn_norm.weight")
    matrix(prefix + "ffn_gate.weight", ffn, embd)
    matrix(prefix + "ffn_up.weight", ffn, embd)
    matrix(prefix + "ffn_down.weight", embd, ffn)

writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
print(options.out)
