Feature: The trunk
  Customers are behind the carrier: whatever happens there must reach the agent as what it was.

  The comment before each scenario names the defect that would turn it red.

  Background:
    Given agents alice and bob with hardphones
    And every agent's phone registers

  Rule: A customer who answers is heard

    # One-way audio on the trunk.
    Scenario: The customer answers
      Given the customer at "15551230001" answers after 3 seconds
      When alice calls "15551230001"
      Then alice and the customer hear each other within 6 seconds
      When alice hangs up
      Then the call has ended for everybody within 2 seconds
      And the customer hears nobody
      And the server recorded 1 answered call

    # A number of which nothing was said is a customer like any other.
    Scenario: Any customer answers in the end
      When alice calls "15551230099"
      Then the customer and alice hear each other within 5 seconds

    # A BYE from the trunk that goes nowhere: the agent talks to nobody, and the call is billed.
    Scenario: The customer hangs up
      Given the customer at "15551230001" answers and hangs up after 10 seconds
      When alice calls "15551230001"
      Then alice and the customer hear each other within 5 seconds
      And the call has ended for everybody within 15 seconds
      And the server recorded 1 answered call

    # Both legs hang up at once, across the trunk.
    Scenario: The customer hangs up, whenever she likes
      Given alice calls "15551230001"
      When 5 seconds pass
      And the customer hangs up
      Then alice is in no call within 2 seconds
      And the call has ended for everybody within 2 seconds

    # Two customers whose calls are mixed up.
    Scenario: Two agents talk to two customers
      When alice calls "15551230001"
      And bob calls "15551230002"
      And 5 seconds pass
      Then alice and the customer at "15551230001" hear each other
      And bob and the customer at "15551230002" hear each other
      And alice does not hear the customer at "15551230002"
      When the customer at "15551230001" hangs up
      Then alice is in no call within 2 seconds
      And bob is in a call

    # A machine that nobody notices: what it says is heard, as from a person.
    Scenario: An answering machine answers
      Given the customer at "15551230001" has an answering machine
      When alice calls "15551230001"
      And 5 seconds pass
      Then alice is in a call
      When alice hangs up
      Then the call has ended for everybody within 2 seconds

  Rule: A call that fails says why

    # A status that is lost on its way through the server: everything is "unavailable".
    Scenario Outline: The customer <does>
      Given the customer at "15551230001" <does>
      When alice calls "15551230001"
      Then alice's call was refused with <status> within 20 seconds
      And the call has ended for everybody within 5 seconds
      And the server recorded no answered calls

      Examples:
        | does             | status |
        | is busy          | 486    |
        | rejects the call | 603    |
        | is disconnected  | 404    |

    # A call that rings for ever, on the carrier's bill.
    Scenario: The customer never answers
      Given the customer at "15551230001" never answers
      When alice calls "15551230001"
      And 70 seconds pass
      Then alice is in no call
      And the call has ended for everybody
      And the server recorded no answered calls

    # A caller who gives up, and a customer whose phone rings on.
    Scenario: The agent gives up before the customer answers
      Given the customer at "15551230001" answers after 20 seconds
      When alice calls "15551230001"
      And alice hangs up
      Then the call has ended for everybody within 2 seconds
      When 30 seconds pass
      Then the server recorded no answered calls

    # A carrier that is overloaded, and a server that hides it or tries for ever.
    Scenario: The carrier refuses some calls
      Given the carrier answers 503 to the next 2 calls
      When alice calls "15551230001"
      Then alice's call was refused with 503 within 5 seconds
      When alice calls "15551230001"
      Then alice's call was refused with 503 within 5 seconds
      When alice calls "15551230001"
      Then alice and the customer hear each other within 5 seconds

    # A trunk that is gone: the agent must learn of it.
    Scenario: The carrier is down
      Given the carrier crashes
      When alice calls "15551230001"
      Then alice is in no call within 40 seconds

  Rule: A codec is agreed on for both legs

    # Audio in one codec is played as if it were another: loud noise, or nothing.
    Scenario Outline: The carrier speaks only "<codec>"
      Given the carrier speaks only "<codec>"
      When alice calls "15551230001"
      Then alice and the customer hear each other within 6 seconds
      And the audio alice hears scores at least 4.0

      Examples:
        | codec |
        | PCMA  |
        | PCMU  |

  Rule: No message that is lost on the trunk costs a call

    # The same machines as between phones, with the server as the caller.
    Scenario Outline: A call survives the loss of the "<message>" <way>
      Given the next "<message>" <way> is lost
      When alice calls "15551230001"
      Then alice and the customer hear each other within 10 seconds
      When 40 seconds pass
      Then alice and the customer hear each other

      Examples:
        | message | way              |
        | INVITE  | to the carrier   |
        | 180     | from the carrier |
        | 200     | from the carrier |
        | ACK     | to the carrier   |
