//! I2: who may do what by role and visibility, and what nobody may learn.

mod deeds;
mod hidden;
mod tables;
