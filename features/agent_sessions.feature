Feature: Agent sessions
  An agent's session is a room that her phone is called into, and a screen that asks the server each second how she stands.
  Screen and phone end apart from each other, and the server sees neither end: it sees that polls don't come any more, or
  that a call is over.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given a campaign renewals
    And agents alice and bob with hardphones
    And a lead 1001 with phone number "15551230001"
    And a lead 1002 with phone number "15551230002"
    And every agent's phone registers

  Rule: A session begins and ends as a whole

    # A login that leaves her phone ringing, or her room open when she has gone home.
    Scenario: Logging in calls her phone, and logging out ends that call
      When alice logs in to renewals
      Then alice is paused with pause code "LOGIN" within 5 seconds
      And alice is in no call
      When alice becomes ready
      Then alice is "READY" within 3 seconds
      And alice's agent screen shows "READY" within 3 seconds
      When alice logs out
      Then alice is logged out within 5 seconds
      And the call has ended for everybody within 5 seconds

    # A hundred agents log in within a minute at nine o'clock: each is alone in her room, and nobody is left out.
    Scenario: A shift logs in, and each agent hears nobody in her own room
      Given 10 agents with hardphones
      And every agent's phone registers
      When every agent logs in to renewals over 1 minute
      And every agent becomes ready
      Then every agent is "READY" within 5 seconds
      And alice hears nobody
      And agent10 hears nobody

    # A session record with time that nobody can account for: agents are paid by it.
    Scenario: The record of a session adds up
      Given alice is ready in renewals
      When 60 seconds pass
      And alice pauses with pause code "LUNCH"
      And 2 minutes pass
      And alice becomes ready
      And the dialer calls lead 1001
      And 1 minute passes
      And alice hangs up
      And 30 seconds pass
      And alice saves disposition "NI"
      And alice logs out
      Then alice is logged out within 5 seconds
      And alice's session lasted 275 seconds in all: 1 minute in calls, 30 seconds in wrap-up, 2 minutes paused

    # A logout in a call leaves a customer in an empty room.
    Scenario: With a customer on the line nobody logs out
      Given alice is talking to lead 1001
      When alice logs out
      Then alice is "INCALL"
      And alice and the customer hear each other

    # A pause in a call that cuts it off, or that is forgotten when it is over.
    Scenario: A pause during a call counts for afterwards
      Given alice is talking to lead 1001
      When alice pauses with pause code "LUNCH"
      Then alice and the customer hear each other
      When alice saves disposition "NI"
      Then alice is "PAUSED" within 3 seconds

  Rule: Screens that are gone

    # VICIdial: a page that is closed between calls says so in its last moment.
    Scenario: Closing the tab between calls ends the session
      Given alice is ready in renewals
      When alice closes the tab
      Then alice is logged out within 40 seconds
      And the call has ended for everybody within 40 seconds

    # VICIdial's ghost agent: the tab is closed in a call, the page only warns, and nothing is sent. The customer is still
    # in the room, the lead in no list, until the same user logs in again.
    Scenario: Closing the tab in a call leaves the customer with the agent, and the lead to the next login
      Given alice is talking to lead 1001
      When alice closes the tab
      Then alice is paused with pause code "LAGGED" within 40 seconds
      And alice and the customer hear each other
      And lead 1001 has status "INCALL"
      When alice opens the tab again
      And alice logs in to renewals
      Then lead 1001 has status "ERI" within 5 seconds

    # A frozen screen is not a logout: the row stays, and the agent is found where she was left.
    Scenario: A laptop that sleeps lags, and is not logged out
      Given alice is ready in renewals
      When alice's laptop sleeps
      Then alice is paused with pause code "LAGGED" within 40 seconds
      When alice's laptop wakes
      Then alice is "PAUSED" within 10 seconds

    # The 5 seconds in which a ghost still gets calls: after them the next call goes to somebody who is there.
    Scenario: A call goes to an agent whose screen was heard of in the last seconds
      Given every agent is ready in renewals
      When alice's laptop sleeps
      And 6 seconds pass
      And the dialer calls lead 1001
      Then bob is "INCALL" within 5 seconds
      And bob and the customer hear each other
      And alice is "READY"

    # Defect 69: a reloaded page shows a session that it doesn't have.
    Scenario: A reloaded page doesn't log in by itself
      Given alice is ready in renewals
      When alice reloads the tab
      Then alice is logged out within 40 seconds

    # Two tabs that both poll as the same user: each takes the other's calls.
    Scenario: A second login disables the first
      Given alice is ready in renewals
      When alice opens a second tab
      And alice logs in to renewals in the second tab
      Then alice's first tab is disabled within 10 seconds
      And alice is "PAUSED" within 5 seconds

  Rule: Phones that are gone

    # VICIdial says nothing of an empty phone while a customer is in the room: she talks to silence.
    Scenario: A phone that loses power in a call leaves the customer alone, and the session stands
      Given alice is talking to lead 1001
      When alice's phone loses power
      Then alice is "INCALL"
      And the customer hears nobody within 5 seconds
      When alice saves disposition "NI"
      Then lead 1001 has status "NI" within 5 seconds

  Rule: A supervisor listens

    # Whoever should be silent is heard by the customer; whoever coaches isn't heard by the agent.
    Scenario: Listening in is heard by nobody
      Given alice is talking to lead 1001
      When sam listens in on alice
      Then sam hears alice within 5 seconds
      And sam hears the customer
      And alice does not hear sam
      And the customer hears alice

    # The customer hears what the supervisor whispers.
    Scenario: Whispering is heard by the agent alone
      Given alice is talking to lead 1001
      When sam whispers to alice
      Then alice hears sam within 5 seconds
      And sam hears the customer

    # A supervisor who joins and mutes everybody else.
    Scenario: Barging in is heard by all
      Given alice is talking to lead 1001
      When sam barges in on alice
      Then alice hears sam within 5 seconds
      And the customer hears sam
      And the customer hears alice
