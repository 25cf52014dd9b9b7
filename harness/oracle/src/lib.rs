//! The witnesses: one file an invariant, each citing its rule. They read packets with readers of their own (law 5).
