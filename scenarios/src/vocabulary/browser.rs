//! Phrases of the browser tab: how it ends, what becomes of the computer under it, its microphone.

use crate::World;
use crate::argument::{Agent, AgentTab, For, ToNetwork, WhichTab, Within};
use crate::phrase::{Matches, Phrase, StepResult};
use crate::scene::browser::{Ending, Microphone};

const GONE: &str = "Then alice's phone is not registered within 5 seconds";

pub(super) const PHRASES: &[Phrase] = &[
    Phrase::acts("{agent} close(s) {which_tab}", |world, matches| Box::pin(ends(world, matches, Ending::Closed)))
        .doc("The tab is gone and its page with it: no BYE, no un-REGISTER. The browser closes the connection.")
        .example("When alice closes the tab")
        .variants(&["When alice closes the second tab", "When every agent closes the tab"])
        .twin(GONE)
        .sought_as(&["alice closes the browser tab", "alice closes her tab", "the tab is closed", "alice leaves"]),
    Phrase::acts("{agent} reload(s) {which_tab}", |world, matches| Box::pin(ends(world, matches, Ending::Reloaded)))
        .doc("The page ends and begins anew; the new one registers again by itself.")
        .example("When alice reloads the tab")
        .sought_as(&["alice refreshes the page", "alice presses F5", "alice reloads the page"]),
    Phrase::acts("{agent} navigate(s) away", |world, matches| Box::pin(ends(world, matches, Ending::NavigatedAway)))
        .doc("The first tab shows another page: the webphone is gone as after a reload, and nothing comes after it.")
        .example("When alice navigates away")
        .twin(GONE)
        .sought_as(&["alice follows a link", "alice opens another page in the tab"]),
    Phrase::arranges_around("{tab} crashes", |world, matches| Box::pin(crashes(world, matches)))
        .fault()
        .doc("The tab's process dies; the browser closes the connection for it.")
        .example("When alice's tab crashes")
        .variants(&["When alice's second tab crashes"])
        .sought_as(&["alice's page crashes", "the renderer crashes", "alice's tab dies"]),
    Phrase::arranges_around("{agent}'s browser is killed", |world, matches| {
        Box::pin(browser_ends(world, matches, Ending::BrowserKilled))
    })
    .fault()
    .doc("The browser's own process is killed, and all its tabs end with it.")
    .example("When alice's browser is killed")
    .sought_as(&["alice's browser crashes", "alice quits the browser", "alice closes the browser"]),
    Phrase::arranges_around("all of {agent}'s browser processes are killed", |world, matches| {
        Box::pin(browser_ends(world, matches, Ending::AllKilled))
    })
    .fault()
    .doc("Nobody is left to close a WebSocket: the system ends the connection, without a close frame.")
    .example("When all of alice's browser processes are killed")
    .sought_as(&["alice's browser is killed with all its processes", "kill -9 of alice's browser"]),
    Phrase::acts("{agent} open(s) the tab( again)", |world, matches| Box::pin(opens(world, matches)))
        .doc("Opens the webphone's page, in the browser or in a new one. The page registers by itself.")
        .example("When alice opens the tab again")
        .variants(&["Given alice opens the tab"])
        .twin("Then alice's phone is registered within 5 seconds")
        .sought_as(&["alice reopens the tab", "alice starts the browser", "alice opens the webphone"]),
    Phrase::acts("{agent} open(s) a second tab", |world, matches| Box::pin(opens_a_second(world, matches)))
        .doc("The same page a second time in the same browser, with the same account: `alice's second phone`.")
        .example("When alice opens a second tab")
        .twin("Then the server has 2 contacts for alice")
        .sought_as(&["alice opens another tab", "alice has two tabs", "alice duplicates the tab"]),
    Phrase::acts("{tab} is in the background{for}", |world, matches| Box::pin(in_the_background(world, matches)))
        .doc("Another tab is looked at: timers are throttled, for that time or until she comes back to it.")
        .example("When alice's tab is in the background for 10 minutes")
        .variants(&["When alice's tab is in the background"])
        .sought_as(&["alice looks at another tab", "alice minimizes the browser", "alice switches tabs"]),
    Phrase::acts("{agent} come(s) back to {which_tab}", |world, matches| Box::pin(comes_back_to(world, matches)))
        .doc("The tab was in the background, and is looked at again.")
        .example("When alice comes back to the tab")
        .sought_as(&["alice's tab is in the foreground", "alice switches back to the tab"]),
    Phrase::arranges_around("{agent}'s laptop sleeps{for}", |world, matches| Box::pin(sleeps(world, matches)))
        .fault()
        .doc("The lid is closed: nothing is sent, nothing moves, for that time or until it wakes.")
        .example("When alice's laptop sleeps for 2 minutes")
        .variants(&["When alice's laptop sleeps"])
        .sought_as(&["alice closes the laptop lid", "alice's computer sleeps", "alice suspends the laptop"]),
    Phrase::arranges_around("{agent}'s laptop wakes", |world, matches| Box::pin(wakes(world, matches)))
        .fault()
        .doc("The lid is opened, and everything that was due happens at once.")
        .example("When alice's laptop wakes")
        .sought_as(&["alice opens the laptop lid", "alice's computer wakes up", "alice resumes the laptop"]),
    Phrase::arranges_around("{agent} change(s) network{to}", |world, matches| {
        Box::pin(changes_network(world, matches))
    })
    .fault()
    .doc("Her computer has another address at once, and whatever NAT was there is behind it: \"4G\" unless it's said.")
    .example("When alice changes network to \"4G\"")
    .variants(&["When alice changes network", "When every agent changes network to \"home wifi\""])
    .sought_as(&["alice switches to 4G", "alice switches networks", "alice's IP address changes"]),
    Phrase::acts("{agent} deny/denies the microphone", |world, matches| {
        Box::pin(microphone(world, matches, Microphone::Denied))
    })
    .doc("Whenever the page asks for the microphone, it's told no. What comes of that is an outcome.")
    .example("Given alice denies the microphone")
    .sought_as(&["alice blocks the microphone", "the microphone permission is denied", "getUserMedia is denied"]),
    Phrase::acts("{agent} allow(s) the microphone", |world, matches| {
        Box::pin(microphone(world, matches, Microphone::Allowed))
    })
    .doc("From now on the page gets the microphone when it asks. It's so unless it was denied.")
    .example("When alice allows the microphone")
    .sought_as(&["alice grants the microphone", "the microphone permission is granted"]),
    Phrase::arranges_around("{agent}'s microphone is unplugged", |world, matches| {
        Box::pin(microphone(world, matches, Microphone::Unplugged))
    })
    .fault()
    .doc("The device is gone, in the middle of a call too: the page's track ends, and another isn't to be had.")
    .example("When alice's microphone is unplugged")
    .sought_as(&["alice has no microphone", "alice loses the microphone", "alice's headset is unplugged"]),
    Phrase::arranges_around("{agent}'s microphone is plugged in( again)", |world, matches| {
        Box::pin(microphone(world, matches, Microphone::PluggedIn))
    })
    .fault()
    .doc("The device is there again.")
    .example("When alice's microphone is plugged in again")
    .sought_as(&["alice's microphone comes back", "alice plugs the headset in"]),
    Phrase::arranges("{agent}'s webphone says goodbye when its tab is closed", |world, matches| {
        Box::pin(says_goodbye(world, matches))
    })
    .doc("The page hangs up and unregisters in its last moment. The BYE gets out; the rest may come too late.")
    .example("Given alice's webphone says goodbye when its tab is closed")
    .sought_as(&["alice's page sends a BYE in pagehide", "the webphone hangs up in beforeunload"]),
    Phrase::checks("{agent}'s webphone is connected to the server{within}", |world, matches| {
        Box::pin(is_connected(world, matches, true))
    })
    .doc("A page of hers has a WebSocket that is open at both ends, registered or not.")
    .example("Then alice's webphone is connected to the server")
    .variants(&["Then alice's webphone is connected to the server within 1 minute"])
    .twin("When alice opens the tab again")
    .sought_as(&["alice's WebSocket is open", "alice's webphone is online", "alice's webphone has reconnected"]),
    Phrase::checks("{agent}'s webphone is not connected to the server{within}", |world, matches| {
        Box::pin(is_connected(world, matches, false))
    })
    .doc("No page of hers has a WebSocket that is open at both ends.")
    .example("Then alice's webphone is not connected to the server within 5 seconds")
    .sought_as(&["alice's WebSocket is closed", "alice's webphone is offline"]),
];

async fn ends(world: &mut World, matches: Matches, how: Ending) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let tab = if how == Ending::NavigatedAway { WhichTab(0) } else { matches.get(1)? };
    world.scene()?.end_tab(&agent, tab.0, how).await
}

async fn crashes(world: &mut World, matches: Matches) -> StepResult {
    let AgentTab { agent, tab } = matches.get(0)?;
    world.scene()?.end_tab(&agent, tab, Ending::Crashed).await
}

async fn browser_ends(world: &mut World, matches: Matches, how: Ending) -> StepResult {
    let agent: Agent = matches.get(0)?;
    world.scene()?.end_browser(&agent, how).await
}

async fn opens(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    world.scene()?.open_tab(&agent).await
}

async fn opens_a_second(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    world.scene()?.open_second_tab(&agent).await
}

async fn in_the_background(world: &mut World, matches: Matches) -> StepResult {
    let tab: AgentTab = matches.get(0)?;
    let lasts: For = matches.get(1)?;
    world.scene()?.in_the_background(&tab, lasts.0).await
}

async fn comes_back_to(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let tab: WhichTab = matches.get(1)?;
    world.scene()?.come_back_to(&AgentTab { agent, tab: tab.0 })
}

async fn sleeps(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let lasts: For = matches.get(1)?;
    world.scene()?.laptop_sleeps(&agent, lasts.0).await
}

async fn wakes(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    world.scene()?.laptop_wakes(&agent)
}

async fn changes_network(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let network: ToNetwork = matches.get(1)?;
    world.scene()?.change_network(&agent, network.0.as_deref())
}

async fn microphone(world: &mut World, matches: Matches, state: Microphone) -> StepResult {
    let agent: Agent = matches.get(0)?;
    world.scene()?.microphone(&agent, state)
}

async fn says_goodbye(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    world.scene()?.says_goodbye(&agent)
}

async fn is_connected(world: &mut World, matches: Matches, wanted: bool) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let within: Within = matches.get(1)?;
    world.scene()?.is_connected(&agent, wanted, within.0).await
}
