//! Guest memory: mappings, blocks with generation-checked handles, bounded windows, and the copy.
