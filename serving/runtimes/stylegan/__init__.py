"""StyleGAN2 and StyleGAN3 generators in PyTorch; imports torch, so import it inside `load()`.

Written from the papers: "Analyzing and Improving the Image Quality of StyleGAN" (arXiv
1912.04958), "Training Generative Adversarial Networks with Limited Data" (2006.06676) and
"Alias-Free Generative Adversarial Networks" (2106.12423). Tensors bear the names of the
released checkpoints, so that those load.

    arguments    the constructor arguments, checked; needs no torch
    filters      up- and downsampling by FIR filters, and their design
    generator    `Generator`: latent → w → image, whichever network it is
    checkpoint   `read_generator`: safetensors and JSON into a Generator
    painter      `Painter`: w → 8-bit pixels, through CUDA graphs on a GPU
    convert      a pickle into those two files, in a process of its own; executes nothing
"""
