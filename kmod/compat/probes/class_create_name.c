// SPDX-License-Identifier: GPL-2.0
/* class_create() takes the name only, class attributes are const (6.4). */
#include <linux/device/class.h>

static ssize_t probe_show(const struct class *class,
			  const struct class_attribute *attr, char *buf)
{
	return 0;
}
static struct class_attribute class_attr_probe = __ATTR_RO(probe);

int probe(void);
int probe(void)
{
	struct class *class = class_create("probe");

	return class_create_file(class, &class_attr_probe);
}

