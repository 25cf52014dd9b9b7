Feature: Orders
  Steps of another crate, run by the command of this one.

  Background:
    Given 2 open orders

  @quick
  Scenario: An order is closed
    When an order is closed after 3 seconds
    Then 1 order is open

  Rule: Orders are closed one by one

    Scenario Outline: Several orders are closed
      Given <open> open orders
      When an order is closed after <seconds> seconds
      And an order is closed after <seconds> seconds
      Then <left> orders are open

      Examples:
        | open | seconds | left |
        | 2    | 3600    | 0    |
        | 5    | 86400   | 3    |
