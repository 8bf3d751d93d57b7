"""What happens to a day, stage by stage: plan, press, prove, publish; and what is done with a published one."""
