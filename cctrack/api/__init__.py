"""Everything that touches the network and the cache folder."""
