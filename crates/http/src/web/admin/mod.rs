//! The administration: what instance admins see and do.
