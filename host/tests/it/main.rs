//! The program as a process: what somebody who types its name sees.

mod check_config;
mod demo;
mod process;
mod serve;
