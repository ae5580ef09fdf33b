/* Every method, one line each: the name of its ss_method without "ss_method_". */
SS_METHOD(simclr)
SS_METHOD(rotation)
SS_METHOD(colorization)
SS_METHOD(supervised)
SS_METHOD(random)
SS_METHOD(autoencoder)
SS_METHOD(denoising)
SS_METHOD(inpainting)
