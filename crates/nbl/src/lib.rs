//! NET_BUFFER_LIST pools and chains over shared memory: build, iterate, classify, lookahead split.
