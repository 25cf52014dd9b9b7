Feature: Microphone
  A browser asks before it listens, and a headset can be unplugged. A call without a microphone is refused, or says so; it
  doesn't pretend.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given agent alice with a webphone
    And agent bob with a hardphone

  Rule: Without permission there is no call

    # A page that answers first and asks then: bob is connected with somebody who can't be heard.
    Scenario: A call can't be answered without the microphone
      Given alice denies the microphone
      And every agent's phone registers
      When bob calls alice
      And alice answers
      Then the call has ended for everybody within 10 seconds

    # A page that dials first and asks then: bob's phone rings for nothing.
    Scenario: Nobody is called without the microphone
      Given alice denies the microphone
      And every agent's phone registers
      When alice calls bob
      Then bob's phone does not ring within 3 seconds
      And alice is in no call within 3 seconds

    # A page that takes the first no for an answer for ever.
    Scenario: What was denied can be allowed
      Given alice denies the microphone
      And every agent's phone registers
      And alice calls bob
      And 3 seconds pass
      When alice allows the microphone
      And alice calls bob
      And bob answers
      Then alice and bob hear each other within 3 seconds

    # A page that isn't registered for lack of a microphone can't be called when it has one.
    Scenario: Who denies the microphone is registered all the same
      Given alice denies the microphone
      When alice's phone registers
      Then alice's phone is registered

  Rule: A microphone can go, and come back

    # A headset that isn't there is as good as none: a broken audio source rang and never answered (Part 5).
    Scenario: There is no microphone when a call comes in
      Given every agent's phone registers
      And alice's microphone is unplugged
      When bob calls alice
      And alice answers
      Then the call has ended for everybody within 10 seconds

    # A page that hangs up for a loose plug, or goes on sending the last sound.
    Scenario: The microphone is unplugged in a call
      Given every agent's phone registers
      And bob calls alice
      And alice answers
      And 2 seconds pass
      When alice's microphone is unplugged
      Then bob hears nobody within 2 seconds
      And alice hears bob
      And alice is in a call

    # Silence isn't absence: the gateway must not take it for the end (defect 48).
    Scenario: A call without a microphone goes on
      Given every agent's phone registers
      And bob calls alice
      And alice answers
      And alice's microphone is unplugged
      When 3 minutes pass
      Then alice hears bob
      When bob hangs up
      Then the call has ended for everybody within 5 seconds

    # A track that has ended stays ended: the page has to ask for another.
    Scenario: The microphone is plugged in again
      Given every agent's phone registers
      And bob calls alice
      And alice answers
      And alice's microphone is unplugged
      And 2 seconds pass
      When alice's microphone is plugged in again
      Then alice and bob hear each other within 5 seconds
