// The zoo's networks, each in the file of its family. To add one: write its function, declare it here, and give it a
// line in zoo.cpp.
#pragma once

#include "models/zoo/builder.hpp"

namespace dse::zoo {

void alexnet(Builder& b);
void vgg16(Builder& b);
void vgg19(Builder& b);
void resnet18(Builder& b);
void resnet50(Builder& b);
void resnet101(Builder& b);
void mobilenetv2(Builder& b);
void densenet121(Builder& b);
void densenet264(Builder& b);
void squeezenet11(Builder& b);
void googlenet(Builder& b);
void unet(Builder& b);
void yolov4_tiny(Builder& b);
void tiny(Builder& b);
void calibration_shapes(Builder& b);  // not in the list

}  // namespace dse::zoo
