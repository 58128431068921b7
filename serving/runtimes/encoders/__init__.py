"""Encoders: texts in, a vector of each out, whichever library computes it.

encoder        what families know of one; vLLM's is `serving.runtimes.vllm.pooling`
options        the keys of model.yaml an encoder takes
cutter         texts to tokens
files          what a checkpoint's files say of it
transformers   the encoder for what vLLM has no model of
network        its network
steps          which texts it computes together
"""
