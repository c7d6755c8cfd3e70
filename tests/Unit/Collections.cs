// SPDX-License-Identifier: MIT

// The simulated driver takes the place of the control node and of the block devices for the whole process, so one test runs at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
