"""The stages of a day (plan, press, prove, publish), and the operations on a published day."""
