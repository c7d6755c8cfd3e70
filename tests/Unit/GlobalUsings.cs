// SPDX-License-Identifier: MIT
global using Blksnap.Simulation;
global using Xunit;
