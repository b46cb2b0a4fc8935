"""Models in vLLM's offline engine, an extra of its own: for GPUs, where batches are large."""
