// SPDX-License-Identifier: MIT
namespace Blksnap.Simulation;

/// <summary>What can be made to go wrong in a simulation.</summary>
public enum SimulatedFault
{
    /// <summary>The difference storage of the snapshot runs low, which is an event.</summary>
    LowSpace = 0,

    /// <summary>The difference storage is used up and the image of the disk lost: an event, and EIO from the image.</summary>
    Overflow = 1,

    /// <summary>The disk goes away, as one that is pulled out; an image of it is lost.</summary>
    DeviceLoss = 2,

    /// <summary>The next snapshot gives up freezing the file system on the disk, and is taken without.</summary>
    SlowFreeze = 3,
}
