Feature: Calls
  Somebody calls, somebody answers, both are heard, and when one hangs up it's over for both.

  The comment before each scenario names the defect that would turn it red.

  Background:
    Given agents alice, bob and carol with hardphones
    And every agent's phone registers

  Rule: A call that is answered is heard both ways

    # One-way audio; a server that connects two calls the wrong way round.
    Scenario: Two agents talk
      When alice calls bob
      Then bob's phone rings
      When bob answers
      Then alice and bob hear each other within 3 seconds
      And alice is in a call
      And carol is in no call

    # A stream that dries up when nobody looks any more (defect 55, rvoip#50).
    Scenario: Two agents talk for an hour
      Given alice calls bob
      And bob answers
      When 1 hour passes
      Then alice and bob hear each other
      And the audio alice hears scores at least 4.0

    # Two calls at once share a relay's port, or a mixer.
    Scenario: Two calls at once don't mix
      Given agent dave with a hardphone
      And dave's phone registers
      When alice calls bob
      And bob answers
      And carol calls dave
      And dave answers
      Then alice and bob hear each other within 3 seconds
      And carol and dave hear each other within 3 seconds
      And alice does not hear carol

    # A call to itself that never ends, or rings for ever.
    Scenario: A softphone calls like a hardphone
      Given agent erin with a softphone
      And erin's phone registers
      When erin calls bob
      And bob answers
      Then erin and bob hear each other within 3 seconds

  Rule: When one side ends a call, it's over for both

    # Defect 38 (OpenSIPS#2555): the server eats the BYE.
    Scenario: The caller hangs up
      Given alice calls bob
      And bob answers
      When alice hangs up
      Then the call has ended for everybody within 2 seconds
      And bob hears nobody
      And the server recorded 1 answered call

    # The same on the other leg, where roles and tags are the other way round.
    Scenario: The callee hangs up
      Given alice calls bob
      And bob answers
      When bob hangs up
      Then the call has ended for everybody within 2 seconds
      And alice hears nobody
      And the server recorded 1 answered call

    # Defect 35 (siphon-ai#324): a leg whose other side is gone lingers, and is billed.
    Scenario: A phone that loses power doesn't keep the other in the call
      Given alice calls bob
      And bob answers
      When alice's phone loses power
      Then bob is in no call within 2 minutes

  Rule: A call that isn't answered ends as it should

    # Defect 37 (pocket-dial#379): a caller who gives up leaves a leg that rings on.
    Scenario: The caller gives up
      Given alice calls bob
      And bob's phone rings
      When alice hangs up
      Then bob's phone does not ring
      And the call has ended for everybody within 2 seconds
      And the server recorded no answered calls

    # A refusal that is turned into something else on its way.
    Scenario: The callee rejects the call
      When alice calls bob
      And bob rejects the call
      Then alice's call was refused with 486 within 1 second
      And the call has ended for everybody within 2 seconds

    # A phone that rings all night.
    Scenario: Nobody answers
      When alice calls bob
      And 65 seconds pass
      Then bob's phone does not ring
      And alice is in no call
      And the server recorded no answered calls

    # A caller who hears it ring where there is nobody.
    Scenario: A number that nobody has
      When alice calls nobody
      Then alice's call was refused with 404 within 5 seconds
      And the call has ended for everybody

    # A call that hangs because its callee isn't registered.
    Scenario: A phone that isn't registered can't be reached
      Given bob's phone unregisters
      When alice calls bob
      Then alice's call was refused with 480 within 5 seconds

    # Defect 49 (asterisk#710): the RTP timeout counts the time it rang.
    Scenario: A call that rang for long lives as long as any other
      Given alice calls bob
      And 50 seconds pass
      When bob answers
      And 50 seconds pass
      Then alice and bob hear each other

  Rule: A second caller finds the first one's call intact

    # Defect of ViciPhone (my_session): a second call takes the first one's place, and hanging up ends the wrong one.
    Scenario: A second call is rejected, and the first goes on
      Given alice calls bob
      And bob answers
      When carol calls bob
      And bob's phone rings
      And bob rejects the call
      Then carol's call was refused with 486 within 1 second
      And alice and bob hear each other

    # Call waiting that mixes, or drops, whom it should put on hold.
    Scenario: A second call is taken, and the first waits
      Given alice calls bob
      And bob answers
      When carol calls bob
      And bob answers
      Then carol and bob hear each other within 3 seconds
      And alice hears nobody
      When carol hangs up
      Then carol is in no call within 2 seconds
      When bob takes the call off hold
      Then alice and bob hear each other within 3 seconds

  Rule: An account with two phones rings on both

    Background:
      Given alice has a second hardphone
      And alice's second phone registers

    # Defect 27's cousin: the branch that lost keeps ringing.
    Scenario: The phone that answers stops the other
      When bob calls alice
      Then alice's phone rings
      And alice's second phone rings
      When alice answers on her second phone
      Then alice's phone does not ring within 2 seconds
      And bob and alice hear each other within 3 seconds

    # Defect 5 (kamailio#3985): one stale location spoils the call, though a good one is there.
    Scenario: A dead phone doesn't keep the living one from ringing
      Given alice's phone loses power
      When bob calls alice
      Then alice's second phone rings within 2 seconds
      When alice answers on her second phone
      Then bob and alice hear each other within 3 seconds

    # A busy branch that ends the whole call.
    Scenario: Rejecting on one phone leaves the other ringing
      When bob calls alice
      And alice rejects the call on her phone
      Then alice's second phone rings
      When alice answers on her second phone
      Then bob and alice hear each other within 3 seconds
