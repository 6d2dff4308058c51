//! A process's usage of the machine, read from `/proc`, so on Linux only.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::ops::{AddAssign, Sub};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

/// Ticks in a second of Linux's processor times (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// The counters of a bot and of the load test at one moment.
pub struct Before {
    bot: Counters,
    own: Times,
    /// In KiB.
    resident: u64,
}

/// What a bot and the load test used during a measurement.
pub struct Usage {
    bot: Times,
    own: Times,
    threads: BTreeMap<String, ThreadUsage>,
    /// In KiB.
    resident_before: u64,
    /// In KiB.
    peak: u64,
}

/// What all threads of one name used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ThreadUsage {
    pub processor: Duration,
    /// How often a thread gave up the processor to wait; it was woken up as often.
    pub voluntary: u64,
    /// How often another thread took the processor.
    pub involuntary: u64,
}

impl Before {
    /// Reads the counters of a process by its id, and resets its peak of memory.
    pub fn read(process: u32) -> anyhow::Result<Before> {
        let process = process.to_string();
        // Compiling takes more memory than anything later, so a kernel that keeps the peak reports that of the start.
        fs::write(format!("/proc/{process}/clear_refs"), "5").ok();
        let resident = read_kib(&process, "VmRSS:")?;
        Ok(Before { bot: Counters::read(&process)?, own: Times::read("self")?, resident })
    }
}

impl Usage {
    pub fn since(before: &Before, process: u32) -> anyhow::Result<Usage> {
        let process = process.to_string();
        let bot = Counters::read(&process)?;
        Ok(Usage {
            threads: bot.threads_since(&before.bot),
            bot: bot.times - before.bot.times,
            own: Times::read("self")? - before.own,
            resident_before: before.resident,
            peak: read_kib(&process, "VmHWM:")?,
        })
    }

    /// Adds the usage of a later measurement.
    pub fn and(mut self, later: Usage) -> Usage {
        self.bot += later.bot;
        self.own += later.own;
        self.peak = self.peak.max(later.peak);
        for (name, usage) in later.threads {
            *self.threads.entry(name).or_default() += usage;
        }
        self
    }

    /// The sum over all threads.
    pub fn total(&self) -> ThreadUsage {
        self.threads.values().fold(ThreadUsage::default(), |mut total, usage| {
            total += *usage;
            total
        })
    }

    /// Prints the average usage for one of `commands`: a line for all threads, then one for each thread name.
    pub fn print_for_each(&self, commands: usize) {
        println!("  a command  {}", self.total().show_for_each(commands));
        let mut threads: Vec<_> = self.threads.iter().filter(|(_, usage)| usage.switches() > 0).collect();
        threads.sort_by_key(|(_, usage)| std::cmp::Reverse(usage.processor));
        for (name, usage) in threads {
            println!("             {name:<16} {}", usage.show_for_each(commands));
        }
    }
}

impl ThreadUsage {
    pub fn switches(&self) -> u64 {
        self.voluntary + self.involuntary
    }

    fn show_for_each(&self, commands: usize) -> String {
        let commands = commands.max(1) as f64;
        let micros = self.processor.as_secs_f64() * 1e6 / commands;
        let (voluntary, involuntary) = (self.voluntary as f64 / commands, self.involuntary as f64 / commands);
        format!("{micros:6.1} µs, {voluntary:5.2} voluntary and {involuntary:5.2} involuntary switches")
    }
}

impl AddAssign for ThreadUsage {
    fn add_assign(&mut self, other: ThreadUsage) {
        self.processor += other.processor;
        self.voluntary += other.voluntary;
        self.involuntary += other.involuntary;
    }
}

impl Display for Usage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let show = |times: Times| {
            let (program, system) = (times.program.as_secs_f64(), times.system.as_secs_f64());
            format!("{:.2} s ({program:.2} own, {system:.2} system)", program + system)
        };
        writeln!(f, "  processor  {}; the load test {}", show(self.bot), show(self.own))?;
        write!(f, "  memory     {} MiB at the peak, {} MiB before", self.peak >> 10, self.resident_before >> 10)
    }
}

/// What a process has used since its start.
struct Counters {
    times: Times,
    /// By the thread's id.
    threads: BTreeMap<String, (String, ThreadUsage)>,
}

impl Counters {
    fn read(process: &str) -> anyhow::Result<Counters> {
        let mut threads = BTreeMap::new();
        for folder in fs::read_dir(format!("/proc/{process}/task")).context("the bot is gone")? {
            let folder = folder?;
            // Leaves out a thread that has just ended.
            let Some(thread) = read_thread(&folder.path())? else { continue };
            threads.insert(folder.file_name().to_string_lossy().into_owned(), thread);
        }
        Ok(Counters { times: Times::read(process)?, threads })
    }

    /// Sums by thread name. A thread that has ended since is left out.
    fn threads_since(&self, before: &Counters) -> BTreeMap<String, ThreadUsage> {
        let mut by_name: BTreeMap<String, ThreadUsage> = BTreeMap::new();
        for (id, (name, now)) in &self.threads {
            let before = before.threads.get(id).map_or(ThreadUsage::default(), |(_, usage)| *usage);
            *by_name.entry(name.clone()).or_default() += ThreadUsage {
                processor: now.processor - before.processor,
                voluntary: now.voluntary - before.voluntary,
                involuntary: now.involuntary - before.involuntary,
            };
        }
        by_name
    }
}

/// The name and the usage of a thread from its folder below `/proc/PID/task`; `None` once the thread has ended.
fn read_thread(folder: &Path) -> anyhow::Result<Option<(String, ThreadUsage)>> {
    let read = |file| fs::read_to_string(folder.join(file)).ok();
    let (Some(name), Some(status), Some(stat)) = (read("comm"), read("status"), read("schedstat")) else {
        return Ok(None);
    };
    let usage = parse_thread(&status, &stat).context("the kernel tells of a thread's switches in another way")?;
    Ok(Some((name.trim_end().to_owned(), usage)))
}

/// `stat` begins with the thread's processor time in nanoseconds.
fn parse_thread(status: &str, stat: &str) -> Option<ThreadUsage> {
    let number = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
    Some(ThreadUsage {
        processor: Duration::from_nanos(stat.split_whitespace().next()?.parse().ok()?),
        voluntary: number("voluntary_ctxt_switches:")?,
        involuntary: number("nonvoluntary_ctxt_switches:")?,
    })
}

/// Processor time of a process, including threads that have ended.
#[derive(Clone, Copy, Debug)]
struct Times {
    program: Duration,
    system: Duration,
}

impl Times {
    fn read(process: &str) -> anyhow::Result<Times> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).context("the bot is gone")?;
        parse_times(&stat).context("the kernel tells processor time in another way")
    }
}

impl Sub for Times {
    type Output = Times;

    fn sub(self, before: Times) -> Times {
        Times { program: self.program - before.program, system: self.system - before.system }
    }
}

impl AddAssign for Times {
    fn add_assign(&mut self, other: Times) {
        self.program += other.program;
        self.system += other.system;
    }
}

/// The 14th and 15th field (proc_pid_stat(5)). The second one is a name in parentheses, which may contain anything.
fn parse_times(stat: &str) -> Option<Times> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || Some(Duration::from_secs_f64(fields.next()?.parse::<f64>().ok()? / TICKS_PER_SECOND));
    Some(Times { program: next()?, system: next()? })
}

fn read_kib(process: &str, key: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("the bot is gone")?;
    let value = status.lines().find_map(|line| line.strip_prefix(key));
    let number = value.and_then(|value| value.trim().trim_end_matches(" kB").parse().ok());
    number.with_context(|| format!("the kernel does not tell {key}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(micros: u64, voluntary: u64, involuntary: u64) -> ThreadUsage {
        ThreadUsage { processor: Duration::from_micros(micros), voluntary, involuntary }
    }

    #[test]
    fn processor_time_is_read_past_any_name() {
        let times = parse_times("7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 9 0").unwrap();
        assert_eq!((times.program, times.system), (Duration::from_millis(2500), Duration::from_millis(500)));
        assert!(parse_times("7 (a) S 1").is_none());
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(read_kib("self", "VmHWM:").unwrap() > 100);
        assert!(read_kib("self", "Nothing:").is_err());
    }

    #[test]
    fn a_threads_switches_are_told_from_its_status() {
        let status = "Name:\tguest\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t2\n";
        assert_eq!(parse_thread(status, "5000 1 9\n"), Some(usage(5, 7, 2)));
        assert_eq!(parse_thread("Name:\tguest\n", "5000 1 9\n"), None);
        assert!(!Counters::read("self").unwrap().threads.is_empty(), "this kernel tells it, too");
    }

    #[test]
    fn threads_of_one_name_are_added_up_and_a_new_one_counts_from_its_start() {
        let counters = |threads: &[(&str, &str, ThreadUsage)]| Counters {
            times: Times { program: Duration::ZERO, system: Duration::ZERO },
            threads: threads.iter().map(|(id, name, usage)| ((*id).to_owned(), ((*name).to_owned(), *usage))).collect(),
        };
        let before = counters(&[("1", "main", usage(5, 1, 1)), ("2", "guest", usage(10, 10, 0))]);
        let now = counters(&[("2", "guest", usage(15, 12, 1)), ("3", "guest", usage(100, 1, 1))]);
        let threads = now.threads_since(&before);
        assert_eq!(threads.into_iter().collect::<Vec<_>>(), [("guest".to_owned(), usage(105, 3, 2))]);
    }
}
