//! Switch, screens and customers, played against the core in virtual time.
