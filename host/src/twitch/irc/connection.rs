//! One connection, from the login to its end. Knows no sockets: the stream is a parameter, and time is tokio's.

use std::io;
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::answers::Answers;
use super::batch::{Batch, FULL_FROM};
use super::command::{Command, JOINS_PER_LINE, pass_line};
use super::complaint::find_complaint;
use super::event::{ParsedLine, parse_line};
use super::framing::Lines;
use super::line_handler::{LineHandler, MustReconnect};
use crate::domain::account::BotAccount;
use crate::domain::id::{AccountId, Login};
use crate::twitch::account::Account;
use crate::twitch::account::departure::Work;

/// From the first byte to the account's id.
const LOGGED_IN_WITHIN: Duration = Duration::from_secs(15);
/// Twitch sends at least one line every five minutes. A connection that is silent for this long gets a PING.
const ASKED_AFTER: Duration = Duration::from_secs(60);
/// Time for any line to arrive after our PING; without one the connection is half-open.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);

/// Why a connection could not be opened or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepConnectionError {
    /// A retry with the same token is useless.
    #[error("the login was refused")]
    Refused,
    /// Twitch logs in the token's owner, whichever login NICK names (TwitchLib/TwitchLib#1121).
    #[error("the token is {0}'s")]
    OtherAccount(Login),
    #[error("tags and commands are not to be had from this server")]
    CapabilityRefused,
    #[error("the server asked for a new connection")]
    Reconnect,
    #[error("the server closed the connection")]
    Closed,
    #[error("no answer within {0:?}")]
    Silent(Duration),
    #[error(transparent)]
    Io(#[from] io::Error),
    /// An error before the login was accepted, with the server's complaint.
    #[error("{error}; the server said {said:?}")]
    AfterComplaint { error: Box<KeepConnectionError>, said: String },
}

/// A stream with an accepted login.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    stream: S,
    lines: Lines,
    answers: Answers,
    heard_at: Instant,
    pinged_at: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Logs in. Returns the connection and the account's id.
    pub(crate) async fn log_in(
        stream: S,
        account: &BotAccount,
        access_token: &SecretString,
    ) -> Result<(Self, AccountId), KeepConnectionError> {
        let (lines, answers) = (Lines::default(), Answers::default());
        let mut connection = Self { stream, lines, answers, heard_at: Instant::now(), pinged_at: None };
        let mut said = None;
        let id = timeout(LOGGED_IN_WITHIN, connection.authenticate(account, access_token, &mut said)).await;
        match (id.unwrap_or(Err(KeepConnectionError::Silent(LOGGED_IN_WITHIN))), said) {
            (Ok(id), _) => Ok((connection, id)),
            (Err(error), None) => Err(error),
            // These errors already name the cause; the server's complaint adds nothing.
            (Err(error @ (KeepConnectionError::Refused | KeepConnectionError::OtherAccount(_))), _) => Err(error),
            (Err(error), Some(said)) => Err(KeepConnectionError::AfterComplaint { error: Box::new(error), said }),
        }
    }

    /// Twitch welcomes, then sends the account's id, by which we recognise our own messages. The server's first
    /// complaint goes into `said`.
    async fn authenticate(
        &mut self,
        account: &BotAccount,
        token: &SecretString,
        said: &mut Option<String>,
    ) -> Result<AccountId, KeepConnectionError> {
        self.write_command(&Command::RequestCapabilities).await?;
        let pass = pass_line(token).ok_or(KeepConnectionError::Refused)?;
        self.write(&pass).await?;
        self.write_command(&Command::Nick(account.login.clone())).await?;
        let mut is_welcome = false;
        loop {
            let is_open = self.lines.fill(&mut self.stream).await?;
            self.note_read(is_open)?;
            while let Some(line) = self.lines.next_line() {
                let line = String::from_utf8_lossy(line);
                match parse_line(&line, account) {
                    Ok(ParsedLine::Welcome(Some(owner))) if owner != account.login => {
                        return Err(KeepConnectionError::OtherAccount(owner));
                    }
                    Ok(ParsedLine::Welcome(_)) => is_welcome = true,
                    Ok(ParsedLine::Identity(id)) if is_welcome => return Ok(id),
                    Ok(ParsedLine::LoginRefused) => return Err(KeepConnectionError::Refused),
                    Ok(ParsedLine::CapabilityRefused) => return Err(KeepConnectionError::CapabilityRefused),
                    _ if said.is_none() => *said = find_complaint(&line, token),
                    _ => {}
                }
            }
        }
    }

    /// Serves until the connection is lost or `stop`; then sends waiting messages for a bounded time and closes.
    ///
    /// # Errors
    /// The reason why the connection was lost.
    pub(super) async fn serve(
        &mut self,
        account: &mut Account,
        handler: &LineHandler<'_>,
        stop: &CancellationToken,
    ) -> Result<(), KeepConnectionError> {
        loop {
            self.read_all(account, handler).await?;
            let wake_at = self.write_due(account).await?.min(self.next_check());
            account.publish();
            if account.is_drained(Instant::now()) {
                // The server may be gone already, and nothing depends on a clean close.
                let _closed = timeout(ANSWERED_WITHIN, self.stream.shutdown()).await;
                return Ok(());
            }
            let may_read = account.may_read();
            tokio::select! {
                read = self.lines.fill(&mut self.stream), if may_read => self.note_read(read?)?,
                () = account.wait(wake_at, stop) => {}
            }
        }
    }

    /// Processes the whole lines received so far, as long as there is room for their events.
    async fn read_all(&mut self, account: &mut Account, handler: &LineHandler<'_>) -> Result<(), KeepConnectionError> {
        let now = Instant::now();
        let mut answers = Vec::new();
        while account.may_read() {
            let Some(line) = self.lines.next_line() else { break };
            let answer = handler.report_line(line, account, &mut self.answers, now);
            answers.extend(answer.map_err(|MustReconnect| KeepConnectionError::Reconnect)?);
        }
        account.counts().long_lines += std::mem::take(&mut self.lines.skipped);
        // Publishes before a PONG leaves: the sender of the PING must see everything that arrived before it.
        account.publish();
        for answer in answers {
            self.write_command(&answer).await?;
        }
        Ok(())
    }

    /// Writes everything that may be sent now. Returns when there will be more.
    async fn write_due(&mut self, account: &mut Account) -> Result<Instant, KeepConnectionError> {
        self.check().await?;
        loop {
            let mut batch = Batch::new(Instant::now());
            let wake_at = self.fill(&mut batch, account);
            if batch.bytes.is_empty() {
                let overdue = self.answers.take_overdue(batch.picked_at);
                overdue.into_iter().for_each(|ticket| account.report_lost(ticket));
                return Ok(self.answers.due_at().map_or(wake_at, |due_at| due_at.min(wake_at)));
            }
            let written = self.write(&batch.bytes).await;
            // Part of a failed write may have reached Twitch, and what counts is the end of the write, not its start.
            account.report_written(&batch.channels, batch.picked_at, Instant::now());
            written?;
        }
    }

    /// Adds the work that is due, up to the batch's size. Returns when there will be more.
    fn fill(&mut self, batch: &mut Batch, account: &mut Account) -> Instant {
        while batch.bytes.len() < FULL_FROM {
            match account.next_work(JOINS_PER_LINE, batch.picked_at) {
                Ok(Work::Leave(room)) => batch.push(&Command::Part(room)),
                Ok(Work::Join(rooms)) => batch.push(&Command::Join(rooms)),
                Ok(Work::Send(departure)) => {
                    batch.push_message(&departure);
                    if !self.answers.watch(&departure.login, departure.ticket, batch.picked_at) {
                        account.report_lost(departure.ticket);
                    }
                }
                Err(wake_at) => return wake_at,
            }
        }
        batch.picked_at
    }

    /// Sends a PING if the server has been silent for too long; fails if it did not answer the last one.
    async fn check(&mut self) -> Result<(), KeepConnectionError> {
        if Instant::now() < self.next_check() {
            return Ok(());
        }
        if self.pinged_at.is_some() {
            return Err(KeepConnectionError::Silent(ANSWERED_WITHIN));
        }
        self.pinged_at = Some(Instant::now());
        self.write_command(&Command::Ping).await
    }

    fn next_check(&self) -> Instant {
        self.pinged_at.map_or(self.heard_at + ASKED_AFTER, |at| at + ANSWERED_WITHIN)
    }

    fn note_read(&mut self, is_open: bool) -> Result<(), KeepConnectionError> {
        self.heard_at = Instant::now();
        self.pinged_at = None;
        if is_open { Ok(()) } else { Err(KeepConnectionError::Closed) }
    }

    async fn write_command(&mut self, command: &Command) -> Result<(), KeepConnectionError> {
        self.write(command.to_line().as_bytes()).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), KeepConnectionError> {
        let written = timeout(WRITTEN_WITHIN, async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        });
        written.await.map_err(|_| KeepConnectionError::Silent(WRITTEN_WITHIN))??;
        Ok(())
    }
}
