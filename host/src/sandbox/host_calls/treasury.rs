//! `treasury`: what the channel pays.

use super::payments::paid;
use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::treasury::{Host, PaymentError};
use crate::sandbox::run::door::Run;

impl Host for Run {
    fn pay(&mut self, to: String, amount: String) -> wasmtime::Result<Result<String, PaymentError>> {
        paid(self.enter(Capability::Treasury)?.pay(&to, &amount))
    }

    fn award(&mut self, to: String, amount: String) -> wasmtime::Result<Result<String, PaymentError>> {
        paid(self.enter(Capability::Treasury)?.award(&to, &amount))
    }
}
