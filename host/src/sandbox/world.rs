//! What host calls reach. (Written with the transactions.)

/// The parts of the host that a guest's calls end in.
pub struct World;
