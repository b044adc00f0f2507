"""The steps that a plan is made of, a module each; every one may be repeated safely."""
