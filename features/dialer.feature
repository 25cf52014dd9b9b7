Feature: The dialer
  The hopper is filled each minute, and the dialer calls as many leads as its level and its agents allow. What came of a call
  is the lead's status, by the words of the telephone network.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Rule: What comes of a call is the lead's status

    Background:
      Given a campaign renewals
      And agent alice with a hardphone
      And a lead 1001 with phone number "15551230001"

    # A busy line that is counted as a sale's chance, a dead number that is dialed for ever.
    Scenario Outline: A customer who <what> makes the lead <status>
      Given the customer at "15551230001" <what>
      And alice is ready in renewals
      When the dialer calls lead 1001
      Then lead 1001 has status "<status>" within 70 seconds
      And lead 1001 was dialed once
      And alice is "READY" within 5 seconds

      Examples:
        | what            | status |
        | is busy         | AB     |
        | never answers   | NA     |
        | is disconnected | ADC    |

    # The carrier has no line, and the lead pays for it: it is called dead and never dialed again.
    Scenario: A congested carrier is not a dead number
      Given the carrier answers 503 to the next 1 call
      And alice is ready in renewals
      When the dialer calls lead 1001
      Then lead 1001 has status "ADCT" within 10 seconds

    # An agent who talks to machines all day.
    Scenario: An answering machine is told from a customer before an agent gets it
      Given renewals detects answering machines
      And the customer at "15551230001" has an answering machine
      And alice is ready in renewals
      When the dialer calls lead 1001
      Then lead 1001 has status "AA" within 60 seconds
      And alice is "READY"

    # The other way round: a detector that hangs up on customers.
    Scenario: A customer is not taken for a machine
      Given renewals detects answering machines
      And alice is ready in renewals
      When the dialer calls lead 1001
      Then alice is "INCALL" within 15 seconds
      And alice and the customer hear each other within 5 seconds

    # A customer who answers into silence: after five seconds it is a drop, and counts as one.
    Scenario: Nobody is there for a customer who answers
      Given alice is ready in renewals
      And alice pauses
      When the dialer calls lead 1001
      Then lead 1001 has status "DROP" within 20 seconds
      And the call has ended for everybody within 32 seconds

    # Defect 64: the caller is gone, and the agent is still given the call.
    Scenario: A customer who hangs up at once is nobody's call
      Given the customer at "15551230001" answers and hangs up after 1 second
      And alice is ready in renewals
      And alice pauses
      When the dialer calls lead 1001
      And 5 seconds pass
      Then alice is "PAUSED"
      And the call has ended for everybody within 32 seconds

  Rule: No lead is called twice, and nobody who doesn't want to be called

    # Defect 67 (clairvoyance#668): overlapping runs dialed 51 calls where 3 were meant.
    Scenario: A dialer that is started twice dials once
      Given a campaign renewals with dial level 2
      And 5 agents with hardphones
      And 30 leads in renewals
      And every customer answers after 2 seconds and talks for 20 seconds
      And every agent is ready in renewals
      And every agent saves disposition "NI" 5 seconds after a call
      When the dialer runs
      And the dialer runs for 3 minutes
      Then no lead was dialed more than once
      And no leads have status "QUEUE" within 1 minute

    # A fine of five figures per call.
    Scenario: A lead on the do-not-call list is dialed by nobody
      Given a campaign renewals with dial level 2
      And agent alice with a hardphone
      And a lead 1001 with phone number "15551230001"
      And a lead 1002 with phone number "15551230002"
      And lead 1001 is on the do-not-call list
      And every customer answers after 2 seconds and talks for 10 seconds
      And alice is ready in renewals
      And alice saves disposition "NI" 2 seconds after a call
      When the dialer runs for 3 minutes
      Then lead 1001 was never dialed
      And lead 1002 was dialed once

    # The same by hand: the screen lets her.
    Scenario: Dialing a blocked lead by hand is refused
      Given a campaign renewals that dials manually
      And agent alice with a hardphone
      And a lead 1001 with phone number "15551230001"
      And lead 1001 is on the do-not-call list
      And alice's phone registers
      And alice logs in to renewals
      When alice dials lead 1001 by hand
      Then lead 1001 was never dialed
      And alice is "PAUSED"

    # A manual campaign whose dialer calls on its own.
    Scenario: In a manual campaign the agent dials
      Given a campaign renewals that dials manually
      And agent alice with a hardphone
      And a lead 1001 with phone number "15551230001"
      And alice's phone registers
      And alice logs in to renewals
      When the dialer runs for 2 minutes
      Then lead 1001 was never dialed
      When alice dials lead 1001 by hand
      Then alice is "INCALL" within 10 seconds
      And alice and the customer hear each other within 10 seconds

    # Leads left in limbo are dialed again when the campaign says so, and not before.
    Scenario: A status is recycled after its time
      Given a campaign renewals
      And agent alice with a hardphone
      And a lead 1001 with phone number "15551230001"
      And the customer at "15551230001" is busy
      And alice is ready in renewals
      And renewals recycles leads with status "AB" after 5 minutes
      When the dialer runs for 4 minutes
      Then lead 1001 was dialed once
      When the dialer runs for 4 minutes
      Then lead 1001 was dialed twice

  Rule: As many calls as agents can take

    # Defect 66: a burst all rings the first agent, and the others wait.
    Scenario: A floor of ten works through its list
      Given a campaign renewals with dial level 1
      And 10 agents with hardphones
      And 60 leads in renewals
      And every customer answers after 2 seconds and talks for 30 seconds
      And every agent is ready in renewals
      And every agent saves disposition "NI" 5 seconds after a call
      When the dialer runs for 5 minutes
      Then at least 50 leads have status "NI" within 1 minute
      And no lead was dialed more than once
      And the drop rate of renewals is at most 3%

    # A predictive dialer that predicts too much: customers answer and nobody is there.
    Scenario: A predictive dialer keeps to its drop rate
      Given a campaign renewals that dials predictively
      And 10 agents with hardphones
      And 500 leads in renewals
      And 30% of customers answer, 10% are busy, 15% have an answering machine and the others never answer
      And every agent is ready in renewals
      And every agent saves disposition "NI" 5 seconds after a call
      When the dialer runs for 10 minutes
      Then the drop rate of renewals is at most 3%
      And no lead was dialed more than once
