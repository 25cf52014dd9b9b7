Feature: Closed tabs
  A tab ends without a word of SIP. What the others see of it, and by when, is what the connection under it tells: a close
  frame at once, an alert of DTLS at once, silence of ICE after five seconds if the connection is known to be gone, and
  after thirty (RFC 7675) if it isn't.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given agent alice with a webphone
    And agents bob and carol with hardphones
    And every agent's phone registers

  Rule: Idle, a tab that's gone is not rung

    # Defects 2 and 10 (drachtio-srf#57, comcent-ce#27): the contact of a closed page stays, and is rung into the void.
    Scenario Outline: Nobody rings a tab that is gone, when <deed>
      When <deed>
      Then alice's phone is not registered within 2 seconds
      And the server has no contacts for alice within <gone>
      And a call to alice rings only phones that are alive
      When bob calls alice
      Then bob is in no call within 5 seconds

      Examples: the server is told by the connection, within a moment
        | deed                                        | gone      |
        | alice closes the tab                        | 2 seconds |
        | alice navigates away                        | 2 seconds |
        | alice's tab crashes                         | 2 seconds |
        | alice's browser is killed                   | 2 seconds |
        | all of alice's browser processes are killed | 2 seconds |

      Examples: nobody tells the server anything, and the registration runs out
        | deed                        | gone        |
        | alice's laptop sleeps       | 130 seconds |
        | alice's phone loses power   | 130 seconds |

    # Defect 1 (JsSIP#929): a reload leaves a second contact behind, and each call rings at both.
    Scenario: A reloaded tab is one contact, and can be called at once
      When alice reloads the tab
      Then alice's phone is registered within 2 seconds
      And the server has 1 contact for alice within 2 seconds
      And a call to alice rings only phones that are alive

    # Defect 4 (ringcentral-embeddable#446): an impatient user fills all places that her account has.
    Scenario: Reloading again and again leaves one contact
      When alice reloads the tab
      And alice reloads the tab
      And alice reloads the tab
      And alice reloads the tab
      Then alice's phone is registered within 2 seconds
      And the server has 1 contact for alice within 2 seconds

    # Defect 3 (webrtcomm#62): the un-REGISTER of the last moment is challenged, and nobody is left to answer.
    Scenario: A page that says goodbye leaves no contact either
      Given alice's webphone says goodbye when its tab is closed
      When alice closes the tab
      Then the server has no contacts for alice within 2 seconds

    # Defect 5 (kamailio#3985): a stale contact makes calls fail although a good one is there.
    Scenario: A registrar that keeps lost contacts still reaches the living one
      Given the server keeps contacts of lost connections until they expire
      When alice closes the tab
      And alice opens the tab again
      Then the server has at least 1 contact for alice
      When bob calls alice
      And alice answers
      Then alice and bob hear each other within 3 seconds

    # The same registrar: the stale contact is there until it has run out, and no longer.
    Scenario: A lost contact that is kept runs out
      Given the server keeps contacts of lost connections until they expire
      When alice closes the tab
      And 5 seconds pass
      Then the server has 1 contact for alice
      And alice's phone is not registered
      And the server has no contacts for alice within 2 minutes

  Rule: Ringing, the caller is told

    # Defect 64 (freeswitch#2529): the phone is gone, and the caller goes on hearing it ring.
    Scenario Outline: Who calls a tab that goes is told, when <deed>
      Given bob calls alice
      And alice's phone rings
      When <deed>
      Then the call has ended for everybody within <over>

      Examples:
        | deed                                        | over       |
        | alice closes the tab                        | 5 seconds  |
        | alice navigates away                        | 5 seconds  |
        | alice reloads the tab                       | 5 seconds  |
        | alice's tab crashes                         | 5 seconds  |
        | alice's browser is killed                   | 5 seconds  |
        | all of alice's browser processes are killed | 5 seconds  |
        | alice's laptop sleeps                       | 70 seconds |

    # The other way round: whoever rings must not ring for a caller who is gone.
    Scenario Outline: A phone stops ringing for a tab that is gone, when <deed>
      Given alice calls bob
      And bob's phone rings
      When <deed>
      Then the call has ended for everybody within <over>

      Examples:
        | deed                                        | over       |
        | alice closes the tab                        | 10 seconds |
        | alice reloads the tab                       | 10 seconds |
        | alice's tab crashes                         | 10 seconds |
        | all of alice's browser processes are killed | 10 seconds |

  Rule: Talking, the other side is not left alone

    # Defects 23 and 24 (kamailio#4404, freeswitch#1688): the other side's call goes on for ever. A tab that's navigated
    # away from says so with an alert of DTLS; a closed one doesn't, and its silence has to be noticed.
    Scenario Outline: The other side of a call learns of it, when <deed>
      Given bob calls alice
      And alice answers
      And 2 seconds pass
      When <deed>
      Then bob hears nobody within 2 seconds
      And the call has ended for everybody within <over>

      Examples:
        | deed                                        | over       |
        | alice closes the tab                        | 10 seconds |
        | alice navigates away                        | 2 seconds  |
        | alice reloads the tab                       | 2 seconds  |
        | alice's tab crashes                         | 10 seconds |
        | alice's browser is killed                   | 10 seconds |
        | all of alice's browser processes are killed | 10 seconds |
        | alice's laptop sleeps                       | 45 seconds |
        | alice's phone loses power                   | 45 seconds |

    # The BYE of the last moment gets out; what waits for an answer doesn't.
    Scenario Outline: A page that says goodbye hangs up, when <deed>
      Given alice's webphone says goodbye when its tab is closed
      And bob calls alice
      And alice answers
      And 2 seconds pass
      When <deed>
      Then the call has ended for everybody within 2 seconds

      Examples:
        | deed                  |
        | alice closes the tab  |
        | alice reloads the tab |
        | alice navigates away  |

    # The same with a customer at the other end of the trunk: whom nobody hangs up on stays for hours, and is billed.
    Scenario Outline: A customer is not left alone, when <deed>
      Given alice calls "15551230001"
      And 5 seconds pass
      When <deed>
      Then the call has ended for everybody within <over>
      And the server recorded 1 answered call

      Examples:
        | deed                      | over       |
        | alice closes the tab      | 10 seconds |
        | alice reloads the tab     | 2 seconds  |
        | alice's browser is killed | 10 seconds |
        | alice's laptop sleeps     | 45 seconds |

    # Two browsers: each has one leg at the gateway, and both must go.
    Scenario: The other side is a webphone too
      Given agent dave with a webphone
      And dave's phone registers
      And dave calls alice
      And alice answers
      And 2 seconds pass
      When alice closes the tab
      Then the call has ended for everybody within 10 seconds

    # A reload in a call (defect 69, amazon-connect-streams#33): the new page is there, and so must be its next call.
    Scenario: After a reload in a call the next one can be taken
      Given bob calls alice
      And alice answers
      And 2 seconds pass
      When alice reloads the tab
      And carol calls alice
      And alice answers
      Then alice and carol hear each other within 3 seconds
      And bob is in no call

    # Only one of her tabs was closed: the call in the other is none of its business.
    Scenario: Closing one tab leaves the call in the other
      Given bob calls alice
      And alice answers
      And alice opens a second tab
      And 2 seconds pass
      When alice closes the second tab
      And 15 seconds pass
      Then alice and bob hear each other

  Rule: On hold, nobody waits for ever

    # Defect 24 (freeswitch#1688): the browser of a held call is closed, and the other side listens to music for ever.
    Scenario Outline: Who was put on hold is released, when <deed>
      Given bob calls alice
      And alice answers
      And alice puts the call on hold
      When <deed>
      Then the call has ended for everybody within <over>

      Examples:
        | deed                                        | over       |
        | alice closes the tab                        | 10 seconds |
        | alice navigates away                        | 2 seconds  |
        | alice reloads the tab                       | 2 seconds  |
        | alice's tab crashes                         | 10 seconds |
        | alice's browser is killed                   | 10 seconds |
        | all of alice's browser processes are killed | 10 seconds |
        | alice's laptop sleeps                       | 45 seconds |

    # The same when it's the tab that hears the music: nothing is expected of it, and yet it must be missed.
    Scenario Outline: A tab that was put on hold is missed, when <deed>
      Given bob calls alice
      And alice answers
      And bob puts the call on hold
      When <deed>
      Then the call has ended for everybody within <over>

      Examples:
        | deed                  | over       |
        | alice closes the tab  | 10 seconds |
        | alice reloads the tab | 2 seconds  |
        | alice's laptop sleeps | 45 seconds |

  Rule: Being transferred, nobody is connected with the dead

    # Defect 54 (team-telnyx/freeswitch#674): the one who was handed on is gone, and the new one is still called.
    Scenario Outline: Who is being transferred goes, when <deed>
      Given bob calls alice
      And alice answers
      And 2 seconds pass
      And bob transfers the call to carol
      And carol's phone rings
      When <deed>
      Then the call has ended for everybody within <over>

      Examples:
        | deed                                        | over       |
        | alice closes the tab                        | 10 seconds |
        | alice navigates away                        | 5 seconds  |
        | alice reloads the tab                       | 5 seconds  |
        | alice's tab crashes                         | 10 seconds |
        | alice's browser is killed                   | 10 seconds |
        | all of alice's browser processes are killed | 10 seconds |
        | alice's laptop sleeps                       | 60 seconds |

    # Who hands a customer on and closes the tab at once is out of it; the customer must not be.
    Scenario Outline: Who hands on a call may go, when <deed>
      Given alice calls "15551230001"
      And 5 seconds pass
      And alice transfers the call to bob
      And bob's phone rings
      When <deed>
      And bob answers
      Then bob and the customer hear each other within 5 seconds
      When 40 seconds pass
      Then bob and the customer hear each other

      Examples:
        | deed                  |
        | alice closes the tab  |
        | alice reloads the tab |
        | alice's tab crashes   |

    # An attended transfer has three ends; when the middle goes, both others must be told.
    Scenario: The one who consults closes the tab
      Given alice calls "15551230001"
      And 5 seconds pass
      And alice consults bob
      And bob answers
      When alice closes the tab
      Then the call has ended for everybody within 10 seconds
