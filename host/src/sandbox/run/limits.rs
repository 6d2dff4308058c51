//! The limits of one instance: memory, tables, and the number of its parts.

use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::config::SandboxConfig;
use crate::domain::manifest::SizeClass;

/// The most that one instance may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InstanceLimits {
    /// Bytes of the uploaded component.
    pub(crate) component_bytes: usize,
    /// Bytes of all memories together.
    pub(crate) memory_bytes: usize,
    pub(crate) memories: usize,
    /// Elements of each table.
    pub(crate) table_elements: usize,
    pub(crate) tables: usize,
    /// A component consists of several core instances: its own modules, and the shims that join them.
    pub(crate) core_instances: usize,
}

impl InstanceLimits {
    pub(crate) fn of(size: SizeClass) -> InstanceLimits {
        const MIB: usize = 1 << 20;
        match size {
            SizeClass::Small => InstanceLimits {
                component_bytes: 16 * MIB,
                memory_bytes: 16 * MIB,
                memories: 2,
                table_elements: 10_000,
                tables: 4,
                core_instances: 16,
            },
            SizeClass::Large => InstanceLimits {
                component_bytes: 40 * MIB,
                memory_bytes: 128 * MIB,
                memories: 4,
                table_elements: 100_000,
                tables: 16,
                core_instances: 64,
            },
        }
    }
}

/// Limits of `info`. They are lower than a call's, because nobody has reviewed the module yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InfoLimits {
    pub(crate) cpu_budget: Duration,
    pub(crate) deadline: Duration,
    pub(crate) log_lines: usize,
    /// In characters.
    pub(crate) log_line_length: usize,
}

impl InfoLimits {
    /// Compiled languages answer in a fraction of a millisecond; a runtime of JavaScript or Python has to start first.
    /// `info` waits for nothing, so the deadline matters only on a busy machine.
    pub(crate) fn of(config: &SandboxConfig, size: SizeClass) -> InfoLimits {
        const QUICK: Duration = Duration::from_millis(10);
        let cpu_budget = match size {
            SizeClass::Small => config.cpu_budget.min(QUICK),
            SizeClass::Large => config.cpu_budget,
        };
        InfoLimits {
            cpu_budget,
            deadline: config.deadline / 2,
            log_lines: config.log_lines.min(8),
            log_line_length: config.log_line_length.min(200),
        }
    }
}

/// Refuses growth beyond the instance's limits, and remembers the refusal: the guest's later failure is only a trap.
#[derive(Debug)]
pub(crate) struct Limiter {
    instance_limits: InstanceLimits,
    /// Bytes granted so far.
    memory_bytes: usize,
    has_denied_memory: bool,
}

impl Limiter {
    pub(crate) fn new(instance_limits: InstanceLimits) -> Limiter {
        Limiter { instance_limits, memory_bytes: 0, has_denied_memory: false }
    }

    /// Bytes of all memories together. Memories never shrink, so this is also the peak.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Whether the guest was refused memory.
    pub(crate) fn has_denied_memory(&self) -> bool {
        self.has_denied_memory
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let all = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        let is_allowed = maximum.is_none_or(|maximum| desired <= maximum) && all <= self.instance_limits.memory_bytes;
        if is_allowed {
            self.memory_bytes = all;
        }
        self.has_denied_memory |= !is_allowed;
        Ok(is_allowed)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= self.instance_limits.table_elements)
    }

    fn instances(&self) -> usize {
        self.instance_limits.core_instances
    }

    fn tables(&self) -> usize {
        self.instance_limits.tables
    }

    fn memories(&self) -> usize {
        self.instance_limits.memories
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_together_end_at_the_wall() {
        let instance_limits = InstanceLimits::of(SizeClass::Small);
        let (half, mut limiter) = (instance_limits.memory_bytes / 2, Limiter::new(instance_limits));
        assert!(limiter.memory_growing(0, half, None).unwrap());
        assert!(limiter.memory_growing(0, half - 1, None).unwrap());
        assert!(!limiter.memory_growing(half, half + 2, None).unwrap());
        assert!(limiter.memory_growing(half, half + 1, None).unwrap());
        assert!(!limiter.memory_growing(half - 1, half, None).unwrap());
    }

    #[test]
    fn only_a_refused_memory_is_remembered() {
        let instance_limits = InstanceLimits::of(SizeClass::Small);
        let mut limiter = Limiter::new(instance_limits);
        assert!(limiter.memory_growing(0, instance_limits.memory_bytes, None).unwrap());
        assert!(!limiter.table_growing(0, instance_limits.table_elements + 1, None).unwrap());
        assert!(!limiter.has_denied_memory());
        assert!(!limiter.memory_growing(0, instance_limits.memory_bytes + 1, None).unwrap());
        assert!(limiter.has_denied_memory());
    }
}
