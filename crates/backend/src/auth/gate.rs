//! Who may have a token or a password looked into, and when: each look costs the identity service or a
//! processor, so that they are few at once, their queue is bounded, no address takes all of it, and an
//! address that sent many that were refused waits; one user's name from an address waits before all of
//! that address does. What was looked into before does not come here.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Denied;
use crate::limit::{PerAddress, source};

/// After how many seconds it may be tried again where there is no better guess.
const SOON: u64 = 2;

/// Addresses that are told to wait, at most; further ones are held back by the queue alone.
const WAITING_ADDRESSES: usize = 65_536;

/// How much more a refused one counts against its name from its address than against the address: so
/// many names must be guessed at once before the others of the address wait.
const OF_ONE_NAME: u32 = 4;

/// How much is looked into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// What is looked into, as its senders are told: "tokens", "passwords".
    pub(super) what: &'static str,
    /// At once.
    pub(super) at_once: usize,
    /// At once of one address.
    pub(super) of_one: usize,
    /// In the queue, with those that are looked into.
    pub(super) queue: usize,
    /// The same of one address.
    pub(super) queue_of_one: usize,
    /// How long one waits in the queue.
    pub(super) patience: Duration,
    /// How much a refused one weighs.
    pub(super) weight: NonZeroU32,
}

/// Lets in what is looked into.
pub(super) struct Gate {
    limits: Limits,
    queue: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    addresses: Mutex<HashMap<IpAddr, Address>>,
    refusals: Option<PerAddress>,
    /// Until when addresses are told to wait, and names from them.
    shut: Mutex<HashMap<Sender, Instant>>,
    /// Names are told apart by what nobody outside can foresee.
    names: RandomState,
}

/// An address, or a name from it.
type Sender = (IpAddr, Option<Name>);

/// A user's name, as far as it is told apart.
type Name = u64;

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

/// What one address has here.
struct Address {
    turns: Arc<Semaphore>,
    /// In the queue and beyond.
    count: usize,
    /// Of them, how many came with each name.
    of_names: HashMap<Name, usize>,
}

/// Leave to look into one. It is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _places: [Option<OwnedSemaphorePermit>; 3],
    _stay: Option<Stay>,
}

/// A place in the count of an address.
#[derive(Debug)]
struct Stay {
    gate: Arc<Gate>,
    address: IpAddr,
    name: Option<Name>,
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut addresses = self.gate.addresses.lock();
        if let Some(here) = addresses.get_mut(&self.address) {
            here.count -= 1;
            if let Some(name) = self.name
                && let Some(count) = here.of_names.get_mut(&name)
            {
                *count -= 1;
                if *count == 0 {
                    here.of_names.remove(&name);
                }
            }
            if here.count == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

impl Gate {
    /// Nothing is looked into yet.
    pub(super) fn new(limits: Limits, refusals: Option<PerAddress>) -> Arc<Self> {
        Arc::new(Self {
            queue: Arc::new(Semaphore::new(limits.queue)),
            turns: Arc::new(Semaphore::new(limits.at_once)),
            addresses: Mutex::default(),
            refusals,
            shut: Mutex::default(),
            names: RandomState::new(),
            limits,
        })
    }

    fn sender(&self, from: Option<IpAddr>, user: Option<&str>) -> Option<Sender> {
        let name = user.map(|user| self.names.hash_one(user));
        from.map(|from| (source(from), name))
    }

    /// Waits for a turn; with the user's name, where what is looked into tells one. What comes from no address, as what this process asks itself, is held back
    /// by nothing but the number of all.
    ///
    /// # Errors
    /// [`Denied::TooMany`] for what this address sent, [`Denied::Busy`] for what all did.
    pub(super) async fn enter(
        self: &Arc<Self>,
        from: Option<IpAddr>,
        user: Option<&str>,
    ) -> Result<Turn, Denied> {
        let sender = self.sender(from, user);
        self.ask_whether_open(sender)?;
        let busy = || Denied::Busy {
            what: self.limits.what,
            seconds: SOON,
        };
        let place = Arc::clone(&self.queue).try_acquire_owned();
        let place = place.map_err(|_| busy())?;
        let (stay, own) = match sender {
            Some(sender) => {
                let (stay, own) = self.stay(sender)?;
                (Some(stay), Some(own))
            }
            None => (None, None),
        };
        // The address' own turn comes first: who floods stands in the common line as often as may be
        // looked into of it, and no more.
        let waiting = async {
            let own = match own {
                Some(own) => own.acquire_owned().await.ok(),
                None => None,
            };
            let turn = Arc::clone(&self.turns).acquire_owned().await.ok();
            [Some(place), own, turn]
        };
        let places = tokio::time::timeout(self.limits.patience, waiting).await;
        let places = places.map_err(|_| busy())?;
        // Others of the same address may have been refused meanwhile.
        self.ask_whether_open(sender)?;
        Ok(Turn {
            _places: places,
            _stay: stay,
        })
    }

    /// What was looked into was refused.
    pub(super) fn refused(&self, from: Option<IpAddr>, user: Option<&str>) {
        let (Some((address, name)), Some(refusals)) = (self.sender(from, user), &self.refusals)
        else {
            return;
        };
        let weight = self.limits.weight;
        if name.is_some() {
            let more = weight.saturating_mul(NonZeroU32::MIN.saturating_add(OF_ONE_NAME - 1));
            if let Err(seconds) = refusals.admit_named(address, name, more) {
                self.shut((address, name), seconds);
            }
        }
        if let Err(seconds) = refusals.admit_as(address, weight) {
            self.shut((address, None), seconds);
        }
    }

    fn shut(&self, sender: Sender, seconds: u64) {
        let now = Instant::now();
        let mut shut = self.shut.lock();
        if shut.len() >= WAITING_ADDRESSES {
            shut.retain(|_, until| *until > now);
        }
        if shut.len() < WAITING_ADDRESSES {
            shut.insert(sender, now + Duration::from_secs(seconds));
        }
    }

    fn ask_whether_open(&self, sender: Option<Sender>) -> Result<(), Denied> {
        let Some((address, name)) = sender else {
            return Ok(());
        };
        let now = Instant::now();
        let mut shut = self.shut.lock();
        let mut left = |sender: &Sender| {
            let left = shut.get(sender)?.saturating_duration_since(now);
            if left.is_zero() {
                shut.remove(sender);
                return None;
            }
            Some(left.as_secs() + 1)
        };
        if let Some(seconds) = left(&(address, None)) {
            return Err(self.too_many(address, "were refused", seconds));
        }
        match left(&(address, name)) {
            None => Ok(()),
            Some(seconds) => Err(self.too_many(address, "were refused for this user", seconds)),
        }
    }

    fn stay(self: &Arc<Self>, (address, name): Sender) -> Result<(Stay, Arc<Semaphore>), Denied> {
        let mut addresses = self.addresses.lock();
        let here = addresses.entry(address).or_insert_with(|| Address {
            turns: Arc::new(Semaphore::new(self.limits.of_one)),
            count: 0,
            of_names: HashMap::new(),
        });
        // The others of the address find a place, however many come with one name.
        let most_of_name = self.limits.queue_of_one - self.limits.queue_of_one / 4;
        let of_name = name.and_then(|name| here.of_names.get(&name).copied());
        if here.count >= self.limits.queue_of_one || of_name >= Some(most_of_name) {
            return Err(self.too_many(address, "wait to be checked", SOON));
        }
        here.count += 1;
        if let Some(name) = name {
            *here.of_names.entry(name).or_default() += 1;
        }
        let stay = Stay {
            gate: Arc::clone(self),
            address,
            name,
        };
        Ok((stay, Arc::clone(&here.turns)))
    }

    fn too_many(&self, address: IpAddr, why: &'static str, seconds: u64) -> Denied {
        Denied::TooMany {
            what: self.limits.what,
            address,
            why,
            seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    const ONE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
    const TWO: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)));

    fn gate(rate: u32, burst: u32) -> Arc<Gate> {
        let limits = Limits {
            what: "tokens",
            at_once: 3,
            of_one: 2,
            queue: 6,
            queue_of_one: 4,
            patience: Duration::from_millis(50),
            weight: NonZeroU32::MIN,
        };
        Gate::new(limits, PerAddress::new(rate, burst))
    }

    #[tokio::test]
    async fn who_floods_leaves_room_for_others() {
        let gate = gate(1, 1000);
        let mut taken = Vec::new();
        for _ in 0..2 {
            taken.push(gate.enter(ONE, None).await.unwrap());
        }
        let waiting = futures_util::future::join_all((0..10).map(|_| gate.enter(ONE, None)));
        let mut waiting = std::pin::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none());
        // Two of the ten wait, the others are told so at once; another address does not even wait.
        taken.push(gate.enter(TWO, None).now_or_never().unwrap().unwrap());
        let answers = waiting.await;
        let told = |wanted: fn(&Denied) -> bool| {
            let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
            refused.filter(|denied| wanted(denied)).count()
        };
        assert_eq!(told(|denied| matches!(denied, Denied::TooMany { .. })), 8);
        assert_eq!(told(|denied| matches!(denied, Denied::Busy { .. })), 2);
        drop((taken, answers));
        assert!(gate.addresses.lock().is_empty());
        assert_eq!(gate.turns.available_permits(), 3);
        assert_eq!(gate.queue.available_permits(), 6);
    }

    #[tokio::test]
    async fn the_queue_of_all_has_an_end() {
        let gate = gate(1, 1);
        let address = |last| Some(IpAddr::from([192, 0, 2, last]));
        let all = futures_util::future::join_all((0..7).map(|last| {
            let gate = Arc::clone(&gate);
            async move {
                let turn = gate.enter(address(last), None).await;
                // Held for ever.
                turn.map(std::mem::forget)
            }
        }))
        .await;
        assert_eq!(all.iter().filter(|answer| answer.is_ok()).count(), 3);
        assert!(matches!(all.last(), Some(Err(Denied::Busy { .. }))));
    }

    #[tokio::test]
    async fn who_was_refused_often_waits_alone() {
        let gate = gate(1, 3);
        for _ in 0..3 {
            gate.refused(ONE, None);
            assert!(gate.enter(ONE, None).await.is_ok());
        }
        gate.refused(ONE, None);
        let denied = gate.enter(ONE, None).await.unwrap_err();
        assert!(denied.to_string().contains("192.0.2.1"), "{denied}");
        assert!(gate.enter(TWO, None).await.is_ok());
        assert!(gate.enter(None, None).await.is_ok());
        gate.shut
            .lock()
            .insert((ONE.unwrap(), None), Instant::now());
        assert!(gate.enter(ONE, None).await.is_ok());
        assert!(gate.shut.lock().is_empty());
    }

    #[tokio::test]
    async fn one_name_waits_before_its_address_does() {
        let gate = gate(1, 40);
        let open = async |from, name| gate.enter(from, name).await.is_ok();
        // Ten count as forty.
        for _ in 0..10 {
            assert!(open(ONE, Some("guessed")).await);
            gate.refused(ONE, Some("guessed"));
        }
        gate.refused(ONE, Some("guessed"));
        let denied = gate.enter(ONE, Some("guessed")).await.unwrap_err();
        assert!(denied.to_string().contains("for this user"), "{denied}");
        assert!(open(ONE, Some("other")).await && open(ONE, None).await);
        assert!(open(TWO, Some("guessed")).await);
        // Who guesses at many names shuts the address after all.
        for number in 0..40 {
            gate.refused(ONE, Some(&number.to_string()));
        }
        assert!(!open(ONE, Some("other")).await && open(TWO, Some("other")).await);
    }

    #[tokio::test]
    async fn one_name_leaves_room_in_the_queue_of_its_address() {
        let gate = gate(1, 1000);
        let flood = || gate.enter(ONE, Some("flood"));
        let first = [flood().await.unwrap(), flood().await.unwrap()];
        let mut third = std::pin::pin!(flood());
        assert!(third.as_mut().now_or_never().is_none());
        let fourth = flood().await;
        assert!(matches!(fourth, Err(Denied::TooMany { .. })), "{fourth:?}");
        let mut other = std::pin::pin!(gate.enter(ONE, Some("other")));
        assert!(other.as_mut().now_or_never().is_none());
        drop(first);
        let all = (third.await.unwrap(), other.await.unwrap());
        drop(all);
        assert!(gate.addresses.lock().is_empty());
    }
}
