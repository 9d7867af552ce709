//! The attribute: from a function to the export of the component and its `step-spec` section.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, FnArg, ItemFn, Result, ReturnType, Signature, Type};

use crate::text;

const FORM: &str = "a step is `fn run(input: Inputs, step: &mut Step) -> Result<Outputs, Failure>`";

/// Leaves the function as it is and adds what makes it the entry.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(arguments, "`#[step]` takes no arguments"));
    }
    let function: ItemFn = syn::parse2(item)?;
    let (input, output) = types(&function.sig)?;
    let name = &function.sig.ident;
    let head = head(text::description(&function.attrs));
    Ok(quote! {
        #function

        // On other targets nothing is exported, but the function counts as used and its form is checked.
        #[cfg(not(target_family = "wasm"))]
        const _: fn(#input, &mut ::stepwell_sdk::Step) -> #output = #name;

        #[cfg(target_family = "wasm")]
        const _: () = {
            use ::stepwell_sdk::expansion::bindings;

            struct Entry;

            impl bindings::Guest for Entry {
                fn run(
                    inputs: ::std::vec::Vec<bindings::stepwell::step::types::Item>,
                ) -> ::core::result::Result<
                    bindings::stepwell::step::types::Completion,
                    bindings::stepwell::step::types::Failure,
                > {
                    ::stepwell_sdk::expansion::run(inputs, |input: #input, step| {
                        #name(input, step).map_err(::core::convert::Into::into)
                    })
                }
            }

            bindings::export!(Entry with_types_in ::stepwell_sdk::expansion::bindings);

            const PARTS: [&[&str]; 5] = ::stepwell_sdk::expansion::parts::<
                #input,
                <#output as ::stepwell_sdk::expansion::Ends>::Output,
            >(&[#head]);

            #[unsafe(link_section = "step-spec")]
            static SPEC: [u8; ::stepwell_sdk::expansion::length(&PARTS)] = ::stepwell_sdk::expansion::join(&PARTS);
        };
    })
}

fn types(signature: &Signature) -> Result<(&Type, &Type)> {
    let unfit = || Error::new_spanned(signature, FORM);
    let plain = signature.asyncness.is_none() && signature.generics.params.is_empty();
    let mut arguments = signature.inputs.iter();
    match (plain, arguments.next(), arguments.next(), arguments.next(), &signature.output) {
        (true, Some(FnArg::Typed(input)), Some(FnArg::Typed(_)), None, ReturnType::Type(_, output)) => {
            Ok((&input.ty, output))
        }
        _ => Err(unfit()),
    }
}

/// Returns the text of the section up to the first input.
fn head(description: Option<String>) -> TokenStream {
    let description = description.map(|text| format!(",\"description\":{}", text::quoted(&text))).unwrap_or_default();
    let sdk = format!("stepwell-sdk/{}", env!("CARGO_PKG_VERSION"));
    let (start, rest) = ("{\"abi\":\"", format!("\",\"sdk\":\"{sdk}\"{description},\"inputs\":{{"));
    quote! { #start, ::stepwell_sdk::ABI, #rest }
}
