"""Models that transformers can load: opened without running their code, scored by a token trie."""
